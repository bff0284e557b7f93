"""Step 1 for uploads: the key first, then the form, as it arrives.

Whatever is refused is refused early, but told late: the rest of the body is read and dropped, since
a connection that closes in the middle of an upload looks to a client like a network failure, which
it would retry. Nothing of an upload outlives its request.
"""

import logging

from tornado.web import HTTPError, stream_request_body

from gateway.client_call import Call
from gateway.formats.openai import Endpoint
from gateway.http import DROP_FACTOR
from gateway.media import asks as media
from gateway.media.duration import duration
from gateway.media.form import Form
from gateway.media.form_reader import FormReader, refuse
from gateway.media.spool import Spool
from gateway.relay.admit import begin, enter, refuse_model, shutting_down
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import RelayError
from gateway.relay.handler import CompletionHandler
from gateway.relay.reserve import afford_some
from gateway.relay.route import none_serves, pick

log = logging.getLogger("tollgate.relay")


@stream_request_body
class UploadHandler(CompletionHandler):
    """Whatever is asked with a form that holds files."""

    limits_its_body = True

    def initialize(self, relay: Relay, endpoint: Endpoint) -> None:  # type: ignore[override]
        """Take the dependencies; called by Tornado for each request."""
        super().initialize(relay, endpoint)
        self._started_s = relay.clock.monotonic_s()
        self._refused: Exception | None = None
        self._received = 0
        self._checked = False
        settings = relay.settings
        self._spool = Spool(settings.data_dir, settings.min_free_disk_bytes)
        self._reader: FormReader | None = None

    async def prepare(self) -> None:
        """See who asks, before any of the body is read."""
        relay, connection = self.relay, self.request.connection
        assert isinstance(connection, Call)
        connection.set_max_body_size(relay.settings.max_upload_bytes * DROP_FACTOR)
        if self.request.method != "POST":
            return
        try:
            headers = self.request.headers
            self._who = await enter(relay, headers, self.request.remote_ip or "")
            length = headers.get("Content-Length", "")
            self._check_size(int(length) if length.isdigit() else 0)
            files = media.FILES[self.endpoint.name]
            said = headers.get("Content-Type", "")
            self._reader = FormReader(said, self._spool, files, media.REPEATED)
        except Exception as error:  # told by post(), when the body is read
            self._refused = error

    async def data_received(self, chunk: bytes) -> None:
        """Take a piece of the form, unless it is refused already."""
        self._received += len(chunk)
        if self._refused is not None or self._reader is None:
            return
        try:
            self._check_size(self._received)
            await self._reader.feed(chunk)
            if self._reader.reads_a_file and not self._checked:
                self._checked = True
                await self._check_beforehand(self._reader.form)
        except Exception as error:
            self._refuse(error)

    def _check_size(self, size: int) -> None:
        if size > self.relay.settings.max_upload_bytes:
            raise HTTPError(413)

    def _refuse(self, error: Exception) -> None:
        self._spool.close()
        if isinstance(error, OSError):
            log.error("request %s: its upload could not be kept: %s", self.request_id, error)
            error = RelayError("disk_full", "This gateway has no room for uploads right now.")
        self._refused = error

    async def _check_beforehand(self, form: Form) -> None:
        """Refuse, before the files are read, what the fields before them say is hopeless.

        Clients send the files last. What comes after them is checked with everything else.
        """
        relay, (key, user, pinned) = self.relay, self._who
        if not any(name == "model" for name, _ in form.fields):
            return
        model = media.model_of(self.endpoint, form.values())
        refuse_model(key, model)
        if pinned is not None:
            return
        channel = pick(relay, user.group, model, self.endpoint)
        if channel is None:
            raise none_serves(relay, user.group, model, self.endpoint)
        await afford_some(relay, key, user, model, channel)

    async def _admit(self, model: str | None) -> Exchange:
        """Read the form, now that all of it is there."""
        if self._refused is not None:
            raise self._refused
        if not self.relay.accepting:  # it stopped while the upload came
            raise shutting_down()
        assert self._reader is not None
        form, endpoint = self._reader.finish(), self.endpoint
        wanted = media.FILES[endpoint.name][0]
        if not any(file.name.removesuffix("[]") == wanted for file in form.files):
            raise refuse(f"You must provide `{wanted}`: a file.", wanted)
        seconds = None
        if endpoint.dialect == "transcripts":
            seconds = await duration(self._spool, form.files[0])
        ask = media.read_form(endpoint, form, seconds)
        who, headers = self._who, self.request.headers
        return begin(self.relay, who, ask, headers, self.request_id, self._started_s)

    async def post(self, model: str | None = None) -> None:
        """Relay the request, and forget the upload."""
        try:
            await super().post(model)
        finally:
            self._spool.close()

    def on_connection_close(self) -> None:
        """The client hung up: an upload that has not arrived is of no use."""
        super().on_connection_close()
        if self.exchange is None:
            self._spool.close()

    def on_finish(self) -> None:
        """Nothing of it is needed any more."""
        self._spool.close()
        super().on_finish()

    def _say(self, code: str, cause: BaseException | None) -> str:
        if code == "request_too_large":
            limit = self.relay.settings.max_upload_bytes
            return f"The upload is larger than this gateway's limit of {limit} bytes."
        return super()._say(code, cause)
