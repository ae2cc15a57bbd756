"""The grammar of MiniMax H3's prompts as its two guides give it, in our words: reads a prompt, or fails."""

import re
from dataclasses import dataclass

REFERENCE_SECTIONS = (
    "subject_definitions", "summary", "retention_analysis", "detailed_description", "overall_soundscape",
    "non_diegetic_music",
)
BASE_SECTIONS = ("integrated_multimodal_description", "overall_soundscape", "non_diegetic_music")
TASKS = {"keyframe completion", "reference generation", "video editing", "video continuation", "audio reuse",
         "audio reference"}
VISIBLE_MARKERS = {"fully_preserved", "partially_preserved", "attribute_transfer", "weak_reference"}
AUDIO_MARKERS = {"fully_copy", "partially_copy", "reference", "weak_reference"}
LANGUAGES = {"English", "Chinese", "Japanese", "Korean", "Spanish"}

LABEL = re.compile(r"<(Subject|Picture|Video|Audio) (\d+)>")
SHOT = re.compile(r"\[Shot (\d+)\] (?:At (\d\d):(\d\d)\.(\d{3}), )?")
SPEECH = re.compile(r"<d>\[(\w+)\] (.*?)</d>")
SPEAKER = re.compile(r"\(S(\d+)\)")


@dataclass(frozen=True)
class H3Shot:
    """seconds: of its cut, None for the first. spoken: (speaker number, language, words) of each line."""

    seconds: float | None
    text: str
    spoken: tuple[tuple[int, str, str], ...]


@dataclass(frozen=True)
class H3Prompt:
    sections: dict[str, str]
    shots: tuple[H3Shot, ...]
    labels: frozenset[tuple[str, int]]


def read_reference(text):
    """A prompt of the reference mode."""
    sections = _sections(text, REFERENCE_SECTIONS)
    shots = _shots(sections["detailed_description"], opening=True)
    defined = _definitions(sections["subject_definitions"])
    cited = {(kind, int(n)) for kind, n in LABEL.findall(sections["subject_definitions"])}
    used = {(kind, int(n)) for kind, n in LABEL.findall(text)}
    assert used <= cited, f"labels without a definition: {used - cited}"
    for kind in ("Subject", "Picture", "Video", "Audio"):
        ordinals = sorted(n for label, n in used if label == kind)
        assert ordinals == list(range(1, len(ordinals) + 1)), f"{kind} ordinals are {ordinals}"
    tasks = re.match(r"\[([^\]]+)\] \S", sections["summary"])
    assert tasks, "the summary names no task"
    named = tasks[1].split(" + ")
    assert set(named) <= TASKS and len(set(named)) == len(named), named
    _retention(sections["retention_analysis"], defined, len(shots))
    for name in set(REFERENCE_SECTIONS) - {"detailed_description"}:
        assert "<d>" not in sections[name], f"dialogue in {name}"
    _speakers_in_order(shots)
    return H3Prompt(sections, shots, frozenset(used))


def read_base(text):
    """A prompt of the base mode, without the line on pictures that may precede it."""
    sections = _sections(text, BASE_SECTIONS)
    shots = _shots(sections["integrated_multimodal_description"], opening=False)
    _speakers_in_order(shots)
    return H3Prompt(sections, shots, frozenset((kind, int(n)) for kind, n in LABEL.findall(text)))


def _sections(text, names):
    found = re.findall(r"^(\w+):", text, re.MULTILINE)
    assert tuple(found) == names, f"sections are {found}"
    parts = re.split(r"^\w+:\s*", text, flags=re.MULTILINE)
    assert not parts[0].strip()
    sections = dict(zip(names, (part.strip() for part in parts[1:])))
    empty = [name for name, words in sections.items() if not words]
    assert not empty, f"nothing in {empty}"
    return sections


def _definitions(text):
    defined = []
    for line in text.splitlines():
        label = LABEL.match(line)
        assert label and line[label.end():].startswith(" is "), f"no definition: {line}"
        defined.append((label[1], int(label[2])))
    assert len(set(defined)) == len(defined), "a label is defined twice"
    return defined


def _retention(text, defined, shots):
    kept = []
    for line in text.splitlines():
        found = re.match(r"<(\w+) (\d+)>(?: \(([^)]*)\))?: (\w+) - \S", line)
        assert found, f"no retention: {line}"
        assert not SPEAKER.search(line), f"a speaker in {line}"
        kind, number, where, marker = found.groups()
        assert marker in (AUDIO_MARKERS if kind == "Audio" else VISIBLE_MARKERS), line
        numbers = [int(n) for n in re.findall(r"\[Shot (\d+)\]", where or "")]
        assert all(1 <= n <= shots for n in numbers), line
        kept.append((kind, int(number)))
    assert kept == defined, f"{kept} kept, {defined} defined"


def _shots(text, *, opening):
    marks = list(re.finditer(r"\[Shot \d+\]", text))
    assert marks, "no shot"
    assert bool(text[: marks[0].start()].strip()) == opening, "style in the wrong place"
    shots, before = [], 0.0
    for number, (mark, stop) in enumerate(zip(marks, [m.start() for m in marks[1:]] + [len(text)]), 1):
        head = SHOT.match(text, mark.start())
        assert head and int(head[1]) == number, f"shot {number} opens with {text[mark.start(): mark.start() + 30]}"
        assert (head[2] is None) == (number == 1), f"shot {number} has the wrong kind of time"
        seconds = None
        if number > 1:
            seconds = int(head[2]) * 60 + int(head[3]) + int(head[4]) / 1000
            assert seconds > before
            before = seconds
        words = text[head.end(): stop].strip()
        assert words, f"nothing in shot {number}"
        shots.append(H3Shot(seconds, words, _spoken(words)))
    return tuple(shots)


def _spoken(text):
    spoken, at = [], 0
    assert text.count("<d>") == text.count("</d>") == len(SPEECH.findall(text)), f"broken dialogue in {text}"
    for speech in SPEECH.finditer(text):
        speakers = SPEAKER.findall(text[at: speech.start()])
        assert speakers, f"nobody says {speech[0]}"
        assert speech[1] in LANGUAGES and not re.search("[<>\\[\\]]", speech[2]), speech[0]
        spoken.append((int(speakers[-1]), speech[1], speech[2]))
        at = speech.end()
    return tuple(spoken)


def _speakers_in_order(shots):
    numbers = list(dict.fromkeys(number for shot in shots for number, _, _ in shot.spoken))
    assert numbers == list(range(1, len(numbers) + 1)), f"speakers are first heard as {numbers}"
