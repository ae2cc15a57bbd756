import time

import numpy as np
import pytest

from kling_core.sound.ambience import ambience
from kling_core.storyboard.storyboard import PLACES, TIMES_OF_DAY

RATE = 24000


def decibels(sound):
    return 10 * np.log10(np.square(sound, dtype=float).mean())


def band(sound, low, high):
    """Level in dBFS of the part between `low` and `high` Hz."""
    spectrum = np.fft.rfft(sound, axis=-1)
    frequency = np.fft.rfftfreq(sound.shape[-1], 1 / RATE)
    spectrum[:, (frequency < low) | (frequency > high)] = 0
    return decibels(np.fft.irfft(spectrum, sound.shape[-1], axis=-1))


@pytest.mark.parametrize("place", [*PLACES, "the moon"])
@pytest.mark.parametrize("time_of_day", TIMES_OF_DAY)
def test_an_excerpt_agrees_with_the_whole(place, time_of_day):
    whole = ambience(place, time_of_day, 5.0, RATE, seed=3)
    part = ambience(place, time_of_day, 1.7, RATE, seed=3, start=2.3)
    assert whole.shape == (2, 5 * RATE) and whole.dtype == np.float32
    begin = round(2.3 * RATE)
    np.testing.assert_allclose(part, whole[:, begin : begin + part.shape[1]], atol=1e-7)


def test_a_late_excerpt_agrees_with_the_whole_where_cars_pass():
    whole = ambience("street", "day", 40.0, 8000, seed=1)
    part = ambience("street", "day", 5.0, 8000, seed=1, start=30.0)
    np.testing.assert_allclose(part, whole[:, 240000:280000], atol=1e-7)


@pytest.mark.parametrize("place", PLACES)
def test_beds_stay_under_speech_and_are_in_stereo(place):
    sound = ambience(place, "day", 6.0, RATE, seed=0)
    assert decibels(sound) < -28
    assert np.abs(sound).max() < 0.35
    assert 0.1 < np.corrcoef(sound)[0, 1] < 0.8


def test_seeds_and_places_differ():
    beds = [ambience(place, "day", 1.0, RATE, seed) for place, seed in [("park", 1), ("park", 2), ("beach", 1)]]
    for first in range(3):
        for second in range(first):
            assert abs(np.corrcoef(beds[first][0], beds[second][0])[0, 1]) < 0.1


def test_a_studio_is_nearly_silent_and_the_sea_is_loudest():
    levels = {place: decibels(ambience(place, "day", 20.0, 8000, seed=0)) for place in PLACES}
    assert levels["studio"] < -65
    assert max(levels, key=levels.get) == "beach"


def test_birds_sing_by_day_and_crickets_by_night():
    day, night = (ambience("park", time_of_day, 8.0, RATE, seed=0) for time_of_day in ("day", "night"))
    assert band(day, 2000, 3500) > band(night, 2000, 3500) + 3
    assert band(night, 3900, 5100) > band(night, 5500, 6700) + 6
    assert band(ambience("night street", "day", 4.0, RATE, seed=0), 3900, 5100) > -64


def test_a_room_hums_at_the_mains_and_surf_comes_and_goes():
    room = ambience("room", "day", 4.0, RATE, seed=0)
    assert band(room, 99, 101) > band(room, 105, 150) + 3
    surf = ambience("beach", "day", 13.0, RATE, seed=0)
    seconds = [decibels(surf[:, second * RATE : (second + 1) * RATE]) for second in range(13)]
    assert max(seconds) - min(seconds) > 8


def test_cars_pass_from_one_side_to_the_other():
    street = ambience("street", "day", 60.0, 8000, seed=2)
    left, right = (np.square(ear).reshape(120, -1).mean(1) for ear in street)
    balance = 10 * np.log10(right / left)
    assert balance.max() > 3 and balance.min() < -3


def test_fifteen_seconds_take_a_fraction_of_a_second():
    ambience("park", "day", 1.0, RATE, seed=0)
    begin = time.process_time()
    ambience("park", "day", 15.0, RATE, seed=0)
    assert time.process_time() - begin < 0.6


def test_nothing_is_nothing():
    assert ambience("park", "day", 0.0, RATE, seed=0).shape == (2, 0)


def test_people_come_to_the_shop_by_day():
    day, night = (ambience("shop", time_of_day, 20.0, RATE, seed=1) for time_of_day in ("day", "night"))
    assert band(day, 250, 900) > band(night, 250, 900) + 6
    ringing = np.abs(np.fft.rfft(day[:, : 18 * RATE].reshape(2, 72, -1), axis=-1))
    bell = ringing[:, :, round(1480 / 4)].max(0)
    assert bell.max() > 8 * np.median(bell)


def test_chalk_scrapes_in_a_classroom_by_day():
    day, night = (ambience("classroom", time_of_day, 16.0, RATE, seed=1) for time_of_day in ("day", "night"))
    assert band(day, 2000, 6000) > band(night, 2000, 6000) + 6


def test_cars_on_the_road_are_further_above_the_quiet_than_in_the_street():
    spread = {}
    for place in ("road", "street"):
        sound = ambience(place, "day", 60.0, 8000, seed=2)
        seconds = np.square(sound).reshape(2, 60, -1).mean((0, 2))
        spread[place] = 10 * np.log10(np.percentile(seconds, 95) / np.percentile(seconds, 5))
    assert spread["road"] > spread["street"] + 4


def test_an_audience_is_there_by_night():
    day, night = (ambience("stage", time_of_day, 4.0, RATE, seed=1) for time_of_day in ("day", "night"))
    assert np.array_equal(day, night)
    assert band(night, 250, 900) > band(ambience("studio", "day", 4.0, RATE, seed=1), 250, 900) + 10
