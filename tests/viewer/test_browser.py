"""The page in a real browser: it opens without a request, answers keys, and shows hostile runs as text."""

import json
from pathlib import Path
from typing import Any

import pytest

from peerleap.viewer import run_rows
from tests.viewer.browser import Page
from tests.viewer.scripted import page_of, team_run, wrong_answer_spreads
from tests.viewer.test_page import HOSTILE


@pytest.fixture(scope="module")
def run() -> dict[str, Any]:
    return team_run(wrong_answer_spreads)


def opened(page: Page, html: str, folder: Path, **window: Any) -> Page:
    file = folder / "run.html"
    file.write_text(html)
    page.open(file, **window)
    page.wait("document.querySelector('td.cell')")
    assert page.requests == [file.absolute().as_uri()], "the page loads nothing"
    assert page.errors == []
    return page


def texts(page: Page, selector: str) -> list[str]:
    found: list[str] = page.run(f"[...document.querySelectorAll({json.dumps(selector)})].map(node => node.textContent)")
    return found


def test_the_matrix_is_there_with_letters_and_marks(page: Page, run: dict[str, Any], tmp_path: Path) -> None:
    opened(page, page_of(run, gold="100"), tmp_path)
    assert texts(page, "tr[data-p='0'] td.cell") == ["B100", "A110◀", "A110"]
    assert texts(page, "tr[data-p='1'] td.cell")[0] == "·"
    assert texts(page, ".elected")[0].strip() == "A 110"
    assert len(texts(page, "td.cell.right")) == 3
    label = page.run("document.querySelector(\"td[data-p='0'][data-column='1']\").getAttribute('aria-label')")
    assert "changed from 100 after block 1; held by solver_3, whom it read" in label
    assert "3×" not in texts(page, ".answers")[0]
    assert "1×, from solver_3" in texts(page, ".answers")[0]


def test_keys_move_and_open_what_was_read(page: Page, run: dict[str, Any], tmp_path: Path) -> None:
    opened(page, page_of(run), tmp_path)
    page.run("document.querySelector(\"td[data-p='0'][data-column='0']\").focus()")
    for key in "jkl":
        page.key(key)
    at = "document.querySelector('td.at').dataset"
    assert page.run(f"[{at}.p, {at}.column].join()") == "0,1"
    page.key("h")
    page.key("Enter")
    page.wait("document.querySelector('dialog[open] .peer')")
    page.wait("document.querySelector('dialog .before .text')")
    columns = texts(page, "dialog .three > section")
    assert "Let me add them of path 1." in columns[0]
    assert "solver_3" in columns[1]
    assert columns[2].startswith("after A 110 influenced")
    assert "\\boxed{110}" in columns[2], "its next summary"
    page.key("Escape")
    page.wait("!document.querySelector('dialog[open]')")
    page.key("?")
    assert "next, previous path" in texts(page, "dialog[open]")[0]
    page.run("document.querySelector('dialog').close()")
    page.wait("document.activeElement.matches('td.at')")
    page.key("t")
    assert page.run("document.querySelector('#lanes-bar [aria-pressed=true]').textContent") == "seconds"
    page.key("n")
    assert page.run("document.querySelector('td.at .mark') !== null")


def test_the_whole_text_goes_down_to_pieces_and_ids(page: Page, run: dict[str, Any], tmp_path: Path) -> None:
    opened(page, page_of(run), tmp_path)
    page.key("w")
    page.wait("document.querySelector('dialog .segment .text')")
    page.run("document.querySelector('dialog details[open] button.more').click()")
    shown = page.run("[...document.querySelectorAll('.piece')].slice(0, 4).map(piece => piece.textContent).join('')")
    assert shown == run["histories"]["solver_1"][-1]["text"][:4]
    assert "confidence 0.20" in page.run("document.querySelector('.piece').title")


def test_hovering_shows_who_read_whom(page: Page, run: dict[str, Any], tmp_path: Path) -> None:
    opened(page, page_of(run), tmp_path)
    hover = "dispatchEvent(new MouseEvent('mouseover', {bubbles: true}))"
    page.run(f"document.querySelector(\"td[data-p='1'][data-column='1']\").{hover}")
    assert len(texts(page, "#arrows path")) == len(run["rounds"][1]["routes"]["solver_2"])
    assert "solver_2, block 2" in texts(page, "#tip")[0]


def test_a_hostile_run_stays_text(page: Page, run: dict[str, Any], tmp_path: Path) -> None:
    huge = HOSTILE + "9" * 100_000
    plain = HOSTILE.replace("\x00", "").replace("\ud800", "")
    bad = team_run(lambda path, _: plain * 2 if path == 1 else plain, words="<b>x</b>")
    bad |= {"question": HOSTILE * 30, "answer": huge}
    for record in bad["rounds"]:
        for summary in record["summaries"].values():
            summary["text"] = huge
    for history in bad["histories"].values():
        for segment in history:
            segment["text"] = HOSTILE
    opened(page, page_of(bad, name=HOSTILE, gold=huge), tmp_path)
    page.run("document.querySelector(\"td[data-p='0'][data-column='0']\").click()")
    page.wait("document.querySelector('dialog .before .text, dialog .before .about')")
    page.key("w")
    page.wait("document.querySelector('dialog .segment')")
    assert page.run("document.querySelectorAll('img, iframe, object, embed, link, b > script').length") == 0
    assert page.run("document.querySelectorAll('script:not([type])').length") == 1
    assert "<script>alert(1)</script><img src=x onerror=alert(2)>" in texts(page, "h1")[0]
    assert page.run("/[\\u202a-\\u202e\\u2066-\\u2069\\u0000]/.test(document.body.innerText)") is False
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    assert (len(page.requests), page.errors) == (1, [])


def test_a_fork_stands_beside_its_original(page: Page, run: dict[str, Any], tmp_path: Path) -> None:
    def other(path: int, number: int) -> str | None:
        return wrong_answer_spreads(path, number) if number == 0 else "100"

    beside = run_rows(team_run(other), name="odd-1", models=dict.fromkeys(run["histories"], "scripted"))
    opened(page, page_of(run, others=[{"relation": "fork", "block": 1, "run": beside}]), tmp_path)
    page.run("[...document.querySelectorAll('#answers-bar button')].at(-1).click()")
    assert texts(page, "th.parted") == ["block 2", "end"]
    assert texts(page, "tr[data-p='2'] td.cell")[1:] == ["A110B100", "A110B100"]


def test_a_run_that_is_not_over_says_so(page: Page, run: dict[str, Any], tmp_path: Path) -> None:
    going = {**run, "state": "stopped", "next": ["solver_2"], "rounds": run["rounds"][:1], "answer": None, "votes": [],
             "paths": {}, "status": dict.fromkeys(run["histories"], "active")}  # fmt: skip
    going["histories"] = {name: [s for s in history if s["round"] == 0] for name, history in run["histories"].items()}
    opened(page, page_of(going, name="odd"), tmp_path)
    assert texts(page, ".elected") == ["stopped before solver_2"]
    assert "peerleap resume odd" in page.run("document.body.innerText")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (2200, "light")])
def test_it_fits_a_phone_and_a_wide_screen(
    page: Page, run: dict[str, Any], tmp_path: Path, width: int, scheme: str
) -> None:
    opened(page, page_of(run), tmp_path, width=width, scheme=scheme)
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    paper = page.run("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(20, 23, 27)") is (scheme == "dark")


def test_a_block_says_who_went_on_undisturbed_and_why_the_run_ended(page: Page, tmp_path: Path) -> None:
    run = team_run(lambda path, number: "110" if path == 3 and number == 0 else "100", 4, 4, talk="disagree")
    opened(page, page_of(run), tmp_path)
    assert texts(page, "tr[data-p='2'] td.cell")[:2] == ["B110", "A100◀"]
    table = texts(page, "table.list tbody tr")
    assert sum("goes on undisturbed" in row for row in table) == 3
    about = " ".join(texts(page, "p.about"))
    assert "75 % of the paths held the most frequent answer" in about
    page.run("document.querySelectorAll(\".tabs[aria-label='LeaP block'] button\")[1].click()")
    assert "the run ended here" in " ".join(texts(page, "p.about"))
    label = page.run("document.querySelector(\"td[data-p='0'][data-column='0']\").getAttribute('aria-label')")
    assert "was asked beside its thought, and goes on undisturbed" in label
    assert page.errors == []
