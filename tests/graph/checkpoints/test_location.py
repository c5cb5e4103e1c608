"""Where runs are stored."""

from pathlib import Path

import pytest

from peerleap.graph import CheckpointError, open_checkpointer, open_store


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_folder_is_taken_as_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slash: str) -> None:
    folder = tmp_path / "runs.d"
    if not slash:
        folder.mkdir()
    monkeypatch.setenv("PEERLEAP_RUNS", f"{folder}{slash}")
    with open_checkpointer() as opened:
        assert opened.name == str(folder / "runs.sqlite")
    assert (folder / "runs.sqlite").is_file()


def test_a_user_that_does_not_exist() -> None:
    with pytest.raises(CheckpointError, match=r"~nosuchuser/runs\.sqlite.*PEERLEAP_RUNS"):
        open_checkpointer("~nosuchuser/runs.sqlite")


@pytest.mark.parametrize("place", ["sqlite:///runs.sqlite", "mysql://me:secret@server/runs"])
def test_a_database_of_another_kind(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"PEERLEAP_RUNS.*postgresql://") as raised:
        open_checkpointer(place)
    assert "secret" not in str(raised.value)
    assert [*tmp_path.iterdir()] == []


def test_a_server_that_is_not_there_says_why() -> None:
    pytest.importorskip("psycopg_pool")
    with pytest.raises(CheckpointError, match="refused"):
        open_checkpointer("postgresql://127.0.0.1:1/runs")


def test_the_former_name_warns(tmp_path: Path) -> None:
    with pytest.warns(DeprecationWarning, match="open_checkpointer"):
        opened = open_store(tmp_path / "runs.sqlite")
    opened.close()
