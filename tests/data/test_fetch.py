"""Fetching a public data set: from a real server on this machine, or from a copy at hand; verified or not kept."""

import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pandas as pd
import pytest

from recsys.data import fetch, retail
from recsys.errors import DataError


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep the tests' output free of requests."""

    def do_GET(self) -> None:
        if not self.path.endswith("cut.zip"):
            return super().do_GET()
        data = (Path(self.directory) / "good.zip").read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])


@pytest.fixture
def site(lines: pd.DataFrame, tmp_path: Path) -> Iterator[str]:
    """A server with good.zip, whole and, as cut.zip, broken off half-way; and page.zip, which is no zip."""
    folder = tmp_path / "site"
    folder.mkdir()
    with zipfile.ZipFile(folder / "good.zip", "w") as archive:
        archive.writestr("read me.txt", "an explanation")
        archive.writestr("Online Retail.csv", lines.to_csv(index=False))
    (folder / "page.zip").write_text("<html>not found</html>")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def expected(lines: pd.DataFrame) -> retail.Content:
    return retail.content(retail.typed(lines, Path("lines")))


def test_a_download_is_verified_and_kept(site: str, expected: retail.Content, tmp_path: Path) -> None:
    told: list[str] = []
    path = fetch.fetch(
        "online-retail", tmp_path / "raw", report=told.append, address=f"{site}/good.zip", expected=expected
    )
    assert path == tmp_path / "raw" / "online-retail.parquet"
    assert retail.content(retail.typed(retail.read(path), path)) == expected
    assert told[0] == f"downloading {site}/good.zip" and told[-1].startswith("verified: 1,215 rows")


def test_a_long_download_says_how_far_it_is(
    site: str, expected: retail.Content, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "BLOCK", 20_000)
    monkeypatch.setattr(fetch, "REPORT_EVERY", 40_000)
    told: list[str] = []
    fetch.fetch("online-retail", tmp_path, report=told.append, address=f"{site}/good.zip", expected=expected)
    assert told[1:3] == ["  0.0 of 0.1 MB", "  0.1 of 0.1 MB"]


def test_what_cannot_be_kept_is_said(lines: pd.DataFrame, expected: retail.Content, tmp_path: Path) -> None:
    (tmp_path / "raw").write_text("a file where the folder would be")
    lines.to_csv(tmp_path / "copy.csv", index=False)
    with pytest.raises(DataError, match=r"online-retail\.parquet: cannot be written: .* nothing of it is left behind"):
        fetch.fetch("online-retail", tmp_path / "raw", tmp_path / "copy.csv", expected=expected)


def test_what_is_there_and_whole_is_not_fetched_again(site: str, expected: retail.Content, tmp_path: Path) -> None:
    fetch.fetch("online-retail", tmp_path, address=f"{site}/good.zip", expected=expected)
    told: list[str] = []
    fetch.fetch("online-retail", tmp_path, report=told.append, address=f"{site}/gone.zip", expected=expected)
    assert told == [f"{tmp_path / 'online-retail.parquet'} is there already, and its content is verified"]


def test_what_is_there_and_damaged_is_fetched_again(site: str, expected: retail.Content, tmp_path: Path) -> None:
    (tmp_path / "online-retail.parquet").write_bytes(b"PAR1 cut short")
    path = fetch.fetch("online-retail", tmp_path, address=f"{site}/good.zip", expected=expected)
    assert len(pd.read_parquet(path)) == 1_215


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone.zip", r"could not be downloaded \(HTTP Error 404: File not found\)"),
        ("cut.zip", r"could not be downloaded \(the connection ended after [\d,]+ of [\d,]+ bytes\)"),
        ("page.zip", r"not a whole zip file"),
    ],
)
def test_a_failed_download_says_why_and_leaves_nothing(
    site: str, expected: retail.Content, tmp_path: Path, name: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        fetch.fetch("online-retail", tmp_path / "raw", address=f"{site}/{name}", expected=expected)
    assert not list((tmp_path / "raw").glob("**/*"))


def test_without_a_network_the_message_names_the_way_with_a_copy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"could not be downloaded \(.*refused\); .* --from FILE"):
        fetch.fetch("online-retail", tmp_path, address="http://127.0.0.1:9/online+retail.zip")


def test_other_content_is_refused_and_not_kept(lines: pd.DataFrame, expected: retail.Content, tmp_path: Path) -> None:
    lines.head(1_000).to_csv(tmp_path / "short.csv", index=False)
    with pytest.raises(DataError, match=r"short\.csv: 1,000 rows, but Online Retail has 1,215"):
        fetch.fetch("online-retail", tmp_path / "raw", tmp_path / "short.csv", expected=expected)
    assert not (tmp_path / "raw").exists()


def test_a_copy_at_hand_is_taken_from_any_form(lines: pd.DataFrame, expected: retail.Content, tmp_path: Path) -> None:
    lines.to_csv(tmp_path / "copy.csv", index=False)
    lines.to_parquet(tmp_path / "copy.parquet")
    with zipfile.ZipFile(tmp_path / "copy.zip", "w") as archive:
        archive.write(tmp_path / "copy.parquet", "folder/copy.parquet")
    for name in ("copy.csv", "copy.parquet", "copy.zip"):
        path = fetch.fetch("online-retail", tmp_path / name[5:], tmp_path / name, expected=expected)
        assert len(pd.read_parquet(path)) == 1_215


def test_an_unknown_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='"movielens" is no data set known here; there is: online-retail'):
        fetch.fetch("movielens", tmp_path)
