"""A hub of models on 127.0.0.1 that speaks the HTTP of the Hugging Face hub, as far as its client asks for it.

It knows repositories, private ones too, branches, commits of small files and of LFS objects, and downloads. A test may
let it break a connection.
"""

import base64
import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

TOKEN, OTHER = "hf_owner", "hf_other"  # that of the user `me`, and that of somebody who may write nowhere


class Repo:
    def __init__(self, private: bool):
        self.private = private
        self.commits: dict[str, dict[str, bytes]] = {}
        self.titles: list[str] = []
        self.branches: dict[str, str] = {}
        self.commit("main", {}, "initial commit")

    def commit(self, branch: str, files: dict[str, bytes], title: str) -> str:
        whole = self.files(branch) | files if branch in self.branches else files
        sha = hashlib.sha1(repr((len(self.commits), sorted(whole))).encode()).hexdigest()
        self.commits[sha], self.branches[branch] = whole, sha
        self.titles.append(title)
        return sha

    def files(self, revision: str) -> dict[str, bytes]:
        return self.commits[self.branches.get(revision, revision)]


class Hub:
    """The state of the server, and its behaviour.

    Attributes:
        repos: the repositories by NAME/REPO.
        data: the names of public data sets.
        large: the endings of names of files that are to be LFS objects.
        objects: the LFS objects by their hash.
        asked: the method and the path of each request.
        breaking: where to drop the connection, as a pattern of method and path; it holds until a test changes it.
        refusing: a message that refuses every card.
        cas: the folder of xet's objects, in which the client puts large files by itself; None for a hub without xet.
    """

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.data: set[str] = set()
        self.large: tuple[str, ...] = ()
        self.objects: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.breaking: str | None = None
        self.refusing: str | None = None
        self.cas: Path | None = None
        self.address = ""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, content: object = None, **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, code: str, message: str) -> None:
        self.answer(status, {"error": message}, X_Error_Code=code, X_Error_Message=message)

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    @property
    def user(self) -> str | None:
        given = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        return {TOKEN: "me", OTHER: "other"}.get(given, "" if given else None)

    def route(self) -> None:
        path = self.path.partition("?")[0]
        line, hub = f"{self.command} {path}", self.hub
        hub.asked.append(line)
        if hub.breaking and re.search(hub.breaking, line):
            self.rfile.read(min(1000, int(self.headers.get("Content-Length") or 0)))  # in the middle of the body
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        sent = self.body()
        if self.user == "":
            message = "Invalid credentials in Authorization header"
            return self.refuse(401, "", message)
        for pattern, method in ROUTES:
            if found := re.fullmatch(pattern, line):
                return method(self, *(unquote(part) for part in found.groups()), sent=sent)
        self.answer(404, {"error": f"no such page: {line}"})

    do_GET = do_HEAD = do_POST = do_PUT = route

    def repo(self, name: str, write: bool = False) -> Repo | None:
        """The repository, if the user may see it, or write there; else an answer is sent."""
        found = self.hub.repos.get(name)
        owner = self.user is not None and name.startswith(f"{self.user}/")
        if found is None or (found.private and not owner):
            self.refuse(401 if self.user is None else 404, "RepoNotFound", "Repository not found")
        elif write and not owner:
            self.refuse(403, "Forbidden", "you may not write there")
        else:
            return found
        return None

    def revision(self, repo: Repo, name: str) -> str | None:
        sha = repo.branches.get(name, name)
        if sha in repo.commits:
            return sha
        self.refuse(404, "RevisionNotFound", "Invalid rev id")
        return None

    def info(self, name: str, revision: str = "main", *, sent: bytes) -> None:
        if (repo := self.repo(name)) and (sha := self.revision(repo, revision)):
            siblings = [{"rfilename": file} for file in repo.commits[sha]]
            self.answer(200, {"id": name, "sha": sha, "private": repo.private, "siblings": siblings})

    def data(self, name: str, *, sent: bytes) -> None:
        if name in self.hub.data:
            return self.answer(200, {"id": name, "sha": "0" * 40, "private": False, "siblings": []})
        self.refuse(401, "RepoNotFound", "Repository not found")

    def create(self, *, sent: bytes) -> None:
        asked = json.loads(sent)
        name = f"{asked.get('organization') or self.user}/{asked['name']}"
        url = f"{self.hub.address}/{name}"
        if self.user is None or not name.startswith(f"{self.user}/"):
            return self.refuse(403, "Forbidden", "You don't have the rights to create a model under this namespace")
        if name in self.hub.repos:
            return self.answer(409, {"error": "You already created this model repo", "url": url})
        self.hub.repos[name] = Repo(asked.get("visibility") == "private" or bool(asked.get("private")))
        self.answer(200, {"url": url})

    def validate(self, *, sent: bytes) -> None:
        if self.hub.refusing:
            return self.answer(400, {"errors": [{"message": self.hub.refusing}], "warnings": []})
        self.answer(200, {"errors": [], "warnings": []})

    def branch(self, name: str, branch: str, *, sent: bytes) -> None:
        if repo := self.repo(name, write=True):
            if branch in repo.branches:
                return self.answer(409, {"error": "Reference already exists"})
            repo.branches[branch] = repo.branches["main"]
            self.answer(200, {})

    def preupload(self, name: str, revision: str, *, sent: bytes) -> None:
        if (repo := self.repo(name, write=True)) and self.revision(repo, revision):
            modes = [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["path"].endswith(self.hub.large or "\0") else "regular",
                    "shouldIgnore": False,
                    "oid": None,
                }
                for file in json.loads(sent)["files"]
            ]
            self.answer(200, {"files": modes})

    def batch(self, name: str, *, sent: bytes) -> None:
        if self.repo(name, write=True):
            objects = [
                {
                    **entry,
                    "actions": {
                        "upload": {"href": f"{self.hub.address}/lfs/{entry['oid']}"},
                        "verify": {"href": f"{self.hub.address}/verify"},
                    },
                }
                for entry in json.loads(sent)["objects"]
            ]
            self.answer(200, {"transfer": "basic", "objects": objects})

    def put(self, oid: str, *, sent: bytes) -> None:
        assert hashlib.sha256(sent).hexdigest() == oid
        self.hub.objects[oid] = sent
        self.answer(200, {})

    def xet(self, name: str, revision: str, *, sent: bytes) -> None:
        if self.hub.cas is None:
            return self.answer(404, {"error": "no xet here"})
        self.answer(200, {"casUrl": f"local://{self.hub.cas}", "exp": int(time.time()) + 3600, "accessToken": "token"})

    def verify(self, *, sent: bytes) -> None:
        self.answer(200 if json.loads(sent)["oid"] in self.hub.objects else 404, {})

    def commit(self, name: str, branch: str, *, sent: bytes) -> None:
        if not (repo := self.repo(name, write=True)) or not self.revision(repo, branch):
            return
        files, title = {}, ""
        for line in map(json.loads, sent.splitlines()):
            value = line["value"]
            match line["key"]:
                case "header":
                    title = value["summary"]
                case "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    files[value["path"]] = self.hub.objects[value["oid"]]
        sha = repo.commit(branch, files, title)
        self.answer(200, {"commitUrl": f"{self.hub.address}/{name}/commit/{sha}", "commitOid": sha})

    def tree(self, name: str, revision: str, *, sent: bytes) -> None:
        if (repo := self.repo(name)) and (sha := self.revision(repo, revision)):
            files = repo.commits[sha]
            entries = [{"type": "file", "path": f, "size": len(c), "oid": etag(c)} for f, c in files.items()]
            self.answer(200, entries)

    def resolve(self, name: str, revision: str, file: str, *, sent: bytes) -> None:
        if (repo := self.repo(name)) and (sha := self.revision(repo, revision)):
            if file not in repo.commits[sha]:
                return self.refuse(404, "EntryNotFound", "Entry not found")
            content = repo.commits[sha][file]
            self.answer(200, content, ETag=f'"{etag(content)}"', X_Repo_Commit=sha)


def etag(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


NAME, REVISION = r"([\w.-]+/[\w.-]+)", r"([^/]+)"
ROUTES = (
    (rf"GET /api/models/{NAME}", Handler.info),
    (rf"GET /api/models/{NAME}/revision/{REVISION}", Handler.info),
    (r"GET /api/datasets/(.+)", Handler.data),
    (rf"GET /api/models/{NAME}/tree/{REVISION}", Handler.tree),
    (r"POST /api/repos/create", Handler.create),
    (r"POST /api/validate-yaml", Handler.validate),
    (rf"POST /api/models/{NAME}/branch/{REVISION}", Handler.branch),
    (rf"POST /api/models/{NAME}/preupload/{REVISION}", Handler.preupload),
    (rf"POST /api/models/{NAME}/commit/{REVISION}", Handler.commit),
    (rf"POST /{NAME}\.git/info/lfs/objects/batch", Handler.batch),
    (r"PUT /lfs/(\w+)", Handler.put),
    (r"POST /verify", Handler.verify),
    (rf"GET /api/models/{NAME}/xet-write-token/{REVISION}", Handler.xet),
    (rf"(?:GET|HEAD) /{NAME}/resolve/{REVISION}/(.+)", Handler.resolve),
)


@contextmanager
def serving() -> Iterator[Hub]:
    """Run a hub in a thread of this process."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
