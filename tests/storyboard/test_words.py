"""Scripts in five languages: the same scene gives the same storyboard, whatever the language it is written in."""

import pytest

from kling_core.storyboard.gloss import gloss
from kling_core.storyboard.script import parse_script
from kling_core.storyboard.storyboard import Action

SCENES = {
    "en": """Title: The tree
Place: park
Time: sunset
Shot 1 (3s, wide shot, slow push-in): @mira walks to the left past a tree. @leo waves.
Shot 2 (2.5s, medium shot, pan right): @leo smiles. @leo says, "There you are!"
Shot 3 (3s, close-up, low angle): @mira is surprised. @mira nods and whispers, "It was you." """,
    "es": """Título: El árbol
Lugar: parque
Hora: atardecer
Plano 1 (3s, plano general, acercamiento lento): @mira camina hacia la izquierda junto a un árbol. @leo saluda.
Plano 2 (2,5 s, plano medio, panorámica a la derecha): @leo sonríe. @leo dice: «¡Ahí estás!»
Plano 3 (3 segundos, primer plano, contrapicado): @mira está sorprendida. @mira asiente y susurra: «Eras tú.»""",
    "zh": """标题：树
地点：公园
时间：傍晚
镜头1（3秒，远景，缓慢推近）：@mira向左走过一棵树。@leo挥手。
镜头2（2.5秒，中景，向右摇）：@leo微笑着。@leo说：“你在这儿！”
镜头3（3秒，特写，仰拍）：@mira很惊讶。@mira点点头，低声说：“原来是你。”""",
    "ja": """タイトル：木
場所：公園
時間：夕方
ショット1（3秒、ロングショット、ゆっくりドリーイン）：@miraは木のそばを通って左へ歩く。@leoは手を振る。
ショット2（2.5秒、ミディアムショット、右へパン）：@leoは微笑む。@leoは「そこにいたんだね」と言う。
ショット3（3秒、クローズアップ、ローアングル）：@miraは驚いている。@miraはうなずいて「あなただったのね」とささやく。""",
    "ko": """제목: 나무
장소: 공원
시간: 저녁
샷 1 (3초, 롱 샷, 천천히 달리 인): @mira가 나무 옆을 지나 왼쪽으로 걸어간다. @leo가 손을 흔든다.
샷 2 (2.5초, 미디엄 샷, 오른쪽으로 팬): @leo가 미소를 짓는다. @leo가 "거기 있었구나!"라고 말한다.
샷 3 (3초, 클로즈업, 로우 앵글): @mira가 놀란다. @mira는 고개를 끄덕이며 "너였구나."라고 속삭인다.""",
}
NATIVE = {"es": ("Lucía", "Íñigo"), "zh": ("美拉", "里奥"), "ja": ("ミラ", "レオ"), "ko": ("미라", "레오")}


def structure(board, renamed=None):
    """A storyboard without its words."""
    name = (renamed or {}).get
    return board.place, board.time_of_day, [
        {
            "seconds": shot.seconds, "size": shot.size, "angle": shot.angle, "camera": shot.camera,
            "subjects": [name(who, who) for who in shot.subjects],
            "actions": [action.model_copy(update={"subject": name(action.subject, action.subject)})
                        for action in shot.actions],
            "lines": [(name(line.speaker, line.speaker), line.delivery) for line in shot.lines],
        }
        for shot in board.shots
    ]


@pytest.mark.parametrize("language", ["es", "zh", "ja", "ko"])
def test_the_same_scene_in_five_languages(language):
    english, other = parse_script(SCENES["en"]), parse_script(SCENES[language])
    assert structure(other) == structure(english)
    assert other.title and other.title != english.title
    assert english.shots[0].actions[0].toward == "left" and english.shots[2].lines[0].delivery == "whispering"


@pytest.mark.parametrize("language", NATIVE)
def test_names_of_the_cast_need_no_at(language):
    mira, leo = NATIVE[language]
    text = SCENES[language].replace("@mira", mira).replace("@leo", leo)
    board = parse_script(text, NATIVE[language])
    assert structure(board, {mira: "mira", leo: "leo"}) == structure(parse_script(SCENES["en"]))


def test_a_scene_of_known_words_asks_nobody():
    for text in SCENES.values():
        for shot in parse_script(text).shots:
            assert shot.heard == () and all(action.heard == () for action in shot.actions)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("镜头一：", "镜头二："), ("第1镜：", "第2镜："), ("分镜1（3秒）", "分镜2（3秒）"),
        ("カット1（3秒）：", "カット2："),
        ("第1カット：", "第2カット："), ("컷 1:", "컷 2:"), ("장면 1 (3초)\n", "장면 2\n"), ("Toma 1:", "TOMA 2 –"),
        ("镜头１【3秒】：", "镜头２："),
    ],
)
def test_headers_of_other_languages(first, second):
    shots = parse_script(f"{first}@mira\n{second} @leo\n").shots
    assert [shot.subjects for shot in shots] == [("mira",), ("leo",)]


@pytest.mark.parametrize(
    ("text", "speaker"),
    [
        ("@leo看着@mira。@mira问：“谁？”", "mira"), ("@miraは「誰？」と尋ねる。", "mira"), ("@leo「誰？」", "leo"),
        ("@mira가 “누구?”라고 묻는다.", "mira"), ("@leo pregunta en español: “¿Quién?”", "leo"),
        ("Mientras @leo espera, @mira pregunta: «¿Quién?»", "mira"), ("@leoは嬉しそうに「やあ」と優しく言う。", "leo"),
    ],
)
def test_who_speaks_in_other_languages(text, speaker):
    assert [line.speaker for shot in parse_script(text).shots for line in shot.lines] == [speaker]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@mira no saluda, se sienta.", {"verb": "sit"}), ("@mira没有挥手。", {"verb": "stand"}),
        ("@miraは手を振らない。", {"verb": "stand"}), ("@mira는 걷지 않는다.", {"verb": "stand"}),
        ("@mira camina hacia @leo.", {"verb": "walk", "toward": "leo"}),
        ("@mira对@leo点头。", {"verb": "nod", "toward": "leo"}),
        ("@miraは@leoに手を振る。", {"verb": "wave", "toward": "leo"}), ("@mira가 @leo를 바라본다.", {"toward": "leo"}),
        ("@mira, a la izquierda, sonríe.", {"position": "left", "expression": "joy"}),
        ("@mira camina a la izquierda.", {"verb": "walk", "toward": "left"}),
        ("@miraは右側に立っている。", {"position": "right"}),
        ("@mira在左边哭。", {"position": "left", "expression": "sadness"}),
        ("@mira가 나무 뒤에서 걷는다.", {"verb": "walk", "behind": "tree"}),
        ("@mira girándose hacia @leo.", {"verb": "turn", "toward": "leo"}),
        ("@miraは座っています。", {"verb": "sit"}), ("@mira가 앉았어요.", {"verb": "sit"}),
    ],
)
def test_who_does_what_in_other_languages(text, expected):
    (shot,) = parse_script(text, ("mira", "leo")).shots
    action = next((action for action in shot.actions if action.subject == "mira"), Action(subject="mira"))
    assert {key: getattr(action, key) for key in expected} == expected


@pytest.mark.parametrize(
    "text", ["@mira y @leo saludan.", "@mira和@leo挥手。", "@miraと@leoが手を振る。", "@mira와 @leo가 손을 흔든다."]
)
def test_people_named_together_do_the_same_in_other_languages(text):
    (shot,) = parse_script(text, ("mira", "leo")).shots
    assert shot.subjects == ("mira", "leo") and [action.verb for action in shot.actions] == ["wave", "wave"]


@pytest.mark.parametrize(
    "text",
    [
        "Sobre el hombro de @mira, @leo asiente.", "越过@mira的肩膀，@leo点头。", "@miraの肩越しに、@leoがうなずく。",
        "@mira의 어깨 너머로 @leo가 고개를 끄덕인다.",
    ],
)
def test_over_the_shoulder_in_other_languages(text):
    (shot,) = parse_script(text, ("mira", "leo")).shots
    assert (shot.angle, shot.subjects) == ("over shoulder", ("leo", "mira"))


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("La cámara se acerca lentamente. @mira espera.", [("dolly", "in", "slow")]),
        ("镜头缓缓推近。@mira站着。", [("dolly", "in", "slow")]),
        ("カメラがゆっくり上昇。@miraは待つ。", [("pedestal", "up", "slow")]),
        ("카메라가 다가간다. @mira가 기다린다.", [("dolly", "in", "normal")]),
        ("@mira sube la escalera.", []), ("@mira摇头。", []),
    ],
)
def test_camera_moves_in_prose_of_other_languages(text, kinds):
    (shot,) = parse_script(text, ("mira",)).shots
    assert [(move.kind, move.direction, move.speed) for move in shot.camera] == kinds


def test_english_is_not_glossed():
    assert gloss("Mira, a la carte, walks.", "en") == "Mira, a la carte, walks."


def test_an_english_clause_in_a_chinese_script_keeps_its_order():
    (shot,) = parse_script("镜头1：Mira walks to Leo. Leo挥手。", ("mira", "leo")).shots
    assert [(action.verb, action.toward) for action in shot.actions] == [("walk", "leo"), ("wave", None)]


THINGS_TO_DO = {
    "en": [
        ("@mira holds a red umbrella", "hold", "umbrella", None), ("@mira rides her old bicycle", "ride", None, None),
        ("@mira crosses the park on her bike", "ride", None, None), ("@mira bounces a ball", "bounce", None, None),
        ("@mira pours some water", "pour", None, None), ("@mira hugs @leo", "embrace", None, "leo"),
        ("@mira holds @leo tight", "embrace", None, "leo"), ("@mira dances", "dance", None, None),
        ("@mira scrolls on her phone", "hold", "phone", None), ("@mira drags a heavy suitcase", "hold", "bag", None),
        ("@mira walks with a bag", "walk", "bag", None), ("@mira walks past a bicycle", "walk", None, None),
    ],
    "es": [
        ("@mira sostiene un paraguas rojo", "hold", "umbrella", None), ("@mira tiene una taza", "hold", "cup", None),
        ("@mira monta en su vieja bicicleta", "ride", None, None), ("@mira bota una pelota", "bounce", None, None),
        ("@mira cruza el parque en bicicleta", "ride", None, None), ("@mira vierte agua", "pour", None, None),
        ("@mira juega con una pelota", "bounce", None, None), ("@mira abraza a @leo", "embrace", None, "leo"),
        ("@mira baila", "dance", None, None), ("@mira arrastra una maleta", "hold", "bag", None),
        ("@mira camina con un bolso", "walk", "bag", None),
    ],
    "zh": [
        ("@mira撑着一把红伞", "hold", "umbrella", None), ("@mira手里拿着一本书", "hold", "book", None),
        ("@mira骑着一辆红色的自行车", "ride", None, None), ("@mira拍着一个皮球", "bounce", None, None),
        ("@mira倒水", "pour", None, None), ("@mira倒了一杯茶", "pour", None, None),
        ("@mira拥抱@leo", "embrace", None, "leo"), ("@mira抱着@leo", "embrace", None, "leo"),
        ("@mira跳了一支舞", "dance", None, None), ("@mira拖着行李箱走来", "walk", "bag", None),
        ("@mira不停地挥手", "wave", None, None), ("@mira特别高兴地挥手", "wave", None, None),
    ],
    "ja": [
        ("@miraは赤い傘を持っている", "hold", "umbrella", None), ("@miraはスマホをいじる", "hold", "phone", None),
        ("@miraは自転車に乗る", "ride", None, None), ("@miraは赤い自転車で公園を横切る", "ride", None, None),
        ("@miraはボールをつく", "bounce", None, None), ("@miraは水を注ぐ", "pour", None, None),
        ("@miraは@leoを抱きしめる", "embrace", None, "leo"), ("@miraは踊っている", "dance", None, None),
        ("@miraは部屋を歩き回る", "walk", None, None),
    ],
    "ko": [
        ("@mira가 빨간 우산을 들고 있다", "hold", "umbrella", None), ("@mira가 가방을 끌고 있다", "hold", "bag", None),
        ("@mira가 낡은 자전거를 타고 지나간다", "ride", None, None), ("@mira가 공을 세게 튀긴다", "bounce", None, None),
        ("@mira가 물을 따른다", "pour", None, None), ("@mira가 @leo를 껴안는다", "embrace", None, "leo"),
        ("@mira가 @leo를 안는다", "embrace", None, "leo"), ("@mira가 춤을 춘다", "dance", None, None),
    ],
}


@pytest.mark.parametrize("language", THINGS_TO_DO)
def test_what_people_do_with_things_in_five_languages(language):
    for text, verb, prop, toward in THINGS_TO_DO[language]:
        (shot,) = parse_script(text + ".", ("mira", "leo")).shots
        found = next(action for action in shot.actions if action.subject == "mira")
        assert (found.verb, found.prop, found.toward, found.heard) == (verb, prop, toward, ()), text
