"""The example of a tournament, small: what it shows must stay true."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "examples" / "tournament"))

import organiser  # noqa: E402
import tournament  # noqa: E402


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    return tournament.run(tmp_path_factory.mktemp("tournament"), columns=8, max_iter=3)


def test_encrypted_scores_are_those_in_the_clear(outcome):
    assert len(outcome["rows"]) == 3
    for name, track, found, clear in outcome["rows"]:
        assert abs(found["accuracy"] - clear["accuracy"]) <= 0.005, (name, track)
        assert found["accuracy"] > 0.85 and found["correlation"] > 0.7, (name, track)


def test_an_organiser_that_decrypts_what_it_is_handed_gives_away_the_rows(outcome):
    assert outcome["stolen"] == outcome["columns"]


def test_an_organiser_that_computes_predictions_itself_does_not(outcome):
    first, last = outcome["refused"]
    assert "hand in a model" in first
    assert len(outcome["answers"]) == organiser.Organiser.PER_PARTICIPANT and "has had" in last
    # All that was answered are rounded metrics.
    for answer in outcome["answers"]:
        assert set(answer) == {"accuracy", "log loss", "correlation"}
        assert all(round(value, 2) == value for value in answer.values())


def test_the_limit_of_a_key_holds_for_all_names(tmp_path):
    counting = organiser.Organiser({}, [], ([], []), tmp_path)
    for submission in range(organiser.Organiser.PER_KEY):
        counting._count(f"name {submission}", "ridge")
    with pytest.raises(organiser.Refused, match="new key"):
        counting._count("one more", "ridge")
    # Not even after a restart.
    again = organiser.Organiser({}, [], ([], []), tmp_path)
    with pytest.raises(organiser.Refused, match="new key"):
        again._count("one more", "ridge")
    again._count("one more", "fisher")
