"""The composition root: opens every part in order and closes them in reverse. Not a server: cli/ puts `App.asgi` on one."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from fireside.blobs.s3 import S3Options
from fireside.chat.admission import Admission
from fireside.chat.conversations import Conversations
from fireside.chat.engine import Engine, Options
from fireside.chat.feed import Feed
from fireside.chat.leaving import Leaving
from fireside.chat.library_news import LibraryNews
from fireside.chat.opening import Parts, open_shares
from fireside.chat.research import Research
from fireside.edge.asgi import Edge, EdgeOptions, Services, build_asgi
from fireside.edge.health import Readiness
from fireside.files.opening import FilesOptions, open_files
from fireside.files.options import Options as UploadOptions
from fireside.gen.v1 import runner_pb2
from fireside.identity.mail import MailOptions
from fireside.identity.opening import Identity, IdentityOptions, open_identity
from fireside.identity.single_user import SingleUser
from fireside.jobs.worker import WorkerOptions
from fireside.knowledge.embedding import OFF, EmbedderOptions, model_of
from fireside.knowledge.extract.base import Limits
from fireside.knowledge.ingest import IngestOptions
from fireside.knowledge.opening import Ground, KnowledgeOptions, open_knowledge
from fireside.runners import backends
from fireside.runners.catalog import Catalog
from fireside.runners.e5.runner import MODEL_ID, E5Runner, problem
from fireside.runners.llama.engine import LlamaOptions
from fireside.runners.llama.runner import LlamaRunner
from fireside.runners.making import Defaults
from fireside.runners.managed.runner import ManagedOptions, ManagedRunner
from fireside.runners.managed.timeouts import Timeouts
from fireside.runners.reach import Reach
from fireside.runners.registry import Registry, RegistryOptions
from fireside.runners.scripted.runner import ScriptedRunner
from fireside.runners.sealing import FileKey, Sealer, TextKey
from fireside.store.db import StoreOptions, open_database
from fireside.store.runner_shelf import RunnerShelf

if TYPE_CHECKING:
    from fireside.chat.reaper import Family
    from fireside.config import Config
    from fireside.files.opening import Files
    from fireside.knowledge.opening import Knowledge
    from fireside.runners.base import BackendOptions, Runner
    from fireside.store.db import Database


@dataclass(frozen=True, slots=True)
class Seat:
    """Where this process sits among those of a server that has several."""

    family: Family
    local: BackendOptions | None
    """Where the process with the local model is reached; None when there is none."""


class App:
    """An open Fireside. Made by `open_app`; `drain` and then `aclose` at the end."""

    def __init__(self, edge: Edge, resources: AsyncExitStack) -> None:
        self._edge = edge
        self._engine = edge.services.engine
        self._feed = edge.services.feed
        self._worker = edge.services.knowledge.worker
        self._readiness = edge.services.readiness
        self._resources = resources

    @property
    def identity(self) -> Identity:
        """What is open of accounts."""
        return self._edge.services.identity

    @property
    def asgi(self) -> Edge:
        """The ASGI application. It needs no lifespan of the server: it is open already."""
        return self._edge

    async def needs_set_up(self) -> bool:
        """Whether nobody has an account yet, on a server with accounts."""
        single_user = self._edge.services.authenticator is not self.identity.sessions
        return not single_user and not await self.identity.sign_in.is_set_up()

    async def bury(self, name: str) -> None:
        """Ends what a process of this server (its Family name) was writing when it died, and takes over its jobs."""
        await self._worker.bury(name)
        await self._engine.bury(name)

    async def drain(self, grace: float) -> None:
        """Takes no new work and lets running answers and jobs end for `grace` seconds; of the rest, answers end as
        interrupted, and jobs are given to other processes or done after the next start.

        Then every stream ends, with UNAVAILABLE where it has no end of its own, so that clients come back and resume.
        Takes at most `grace` and about four seconds. Call it while the server still answers.
        """
        self._readiness.end()
        await asyncio.gather(self._engine.drain(grace), self._worker.drain(grace))
        self._feed.close_tails()
        await self._edge.end_streams()

    async def aclose(self) -> None:
        """Closes every part. Nothing works afterwards."""
        await self._resources.aclose()


async def open_app(config: Config, seat: Seat | None = None) -> App:
    """Opens the database (migrating it), the runners, the engine and the edge.

    With a seat it is one of several processes: somebody else holds the database (store/hold.py) and runs the local
    model. Raises the errors of store.db.open_database; whatever was opened before an error is closed.
    """
    async with AsyncExitStack() as stack:
        db = await open_database(config.database_url, _store_options(config, seat))
        stack.push_async_callback(db.close)
        catalog = Catalog(_runners(config, seat), config.default_model)
        stack.push_async_callback(catalog.aclose)
        secrets = sealer(config)
        registry = Registry(catalog, RunnerShelf(db), secrets, registry_options(config))
        await registry.open()
        stack.push_async_callback(registry.aclose)
        await db.listen(lambda topic, _payload: registry.heard(topic))
        identity = await open_identity(db, secrets, identity_options(config), stack)
        feed = Feed(db)
        stack.push_async_callback(feed.aclose)
        feed.open()
        catalog.on_change(feed.models_changed)
        identity.rules.on_change(feed.models_changed)
        catalog.look()
        files, knowledge = await _open_library(_Base(db, catalog, identity, feed), config, seat, stack)
        admission = Admission(catalog) if config.single_user else Admission(catalog, identity.rules, identity.limits)
        research = Research(db, knowledge.search, knowledge.changes, files.downloads)
        engine = Engine(db, admission, feed, Options(family=seat.family) if seat else None, research)
        stack.push_async_callback(engine.aclose)
        await engine.open()
        conversations = Conversations(db, feed, engine)
        identity.changes.listen(engine.guests.account_changed)
        identity.removals.on_remove(Leaving(db, engine).stop_all)
        policies = identity.policies
        shares = await open_shares(Parts(db, engine, feed, conversations), lambda: policies.current.link_sharing, stack)
        services = Services(
            engine=engine,
            conversations=conversations,
            feed=feed,
            shares=shares,
            admission=admission,
            registry=registry,
            identity=identity,
            files=files,
            knowledge=knowledge,
            authenticator=SingleUser() if config.single_user else identity.sessions,
            readiness=Readiness(),
        )
        edge = build_asgi(services, _edge_options(config))
        stack.push_async_callback(edge.aclose)
        edge.open()
        return App(edge, stack.pop_all())


class _Base(NamedTuple):
    """What files and knowledge are built on."""

    db: Database
    catalog: Catalog
    identity: Identity
    feed: Feed


async def _open_library(
    base: _Base, config: Config, seat: Seat | None, stack: AsyncExitStack
) -> tuple[Files, Knowledge]:
    """Opens files and knowledge, and has feeds tell of documents."""
    limits = None if config.single_user else base.identity.limits
    files = await open_files(base.db, files_options(config), limits, stack)
    ground = Ground(base.db, base.catalog, base.identity, files, base.feed.news_elsewhere)
    knowledge = await open_knowledge(ground, knowledge_options(config, seat), stack)
    news = LibraryNews(base.db, base.feed, knowledge.changes)
    stack.push_async_callback(news.aclose)
    news.open()
    return files, knowledge


def _edge_options(config: Config) -> EdgeOptions:
    # The names that the server is bound to, and that its links have, are ones that its users call it by.
    own = (config.host, urlsplit(config.public_url).hostname or "")
    return EdgeOptions(
        allowed_hosts=(*filter(None, own), *config.allowed_hosts),
        cors_origins=config.cors_origins,
        trusted_proxies=config.trusted_proxies,
        strict_transport=config.tls_cert is not None,
        read_max_bytes=config.grpc_max_message_length,
    )


def _store_options(config: Config, seat: Seat | None) -> StoreOptions:
    if seat is None:
        return StoreOptions()
    # PostgreSQL takes 100 connections by default, from all processes together.
    return StoreOptions(shared=True, pool_size=max(3, 20 // config.workers))


def mail_options(config: Config) -> MailOptions:
    """What the settings say of mail."""
    return MailOptions(
        host=config.smtp_host,
        port=config.smtp_port,
        security=config.smtp_security,
        user=config.smtp_user,
        password=config.smtp_password,
        sender=config.smtp_from,
        public_url=config.public_url,
    )


def identity_options(config: Config) -> IdentityOptions:
    """What the settings say of accounts."""
    return IdentityOptions(
        loopback_only=config.loopback_only,
        set_up_token=config.set_up_token,
        mail=mail_options(config),
        providers=config.providers,
    )


def files_options(config: Config) -> FilesOptions:
    """What the settings say of files."""
    options = UploadOptions(
        max_bytes=config.upload_max_bytes, refused_types=config.upload_refused_types, keep=config.upload_keep
    )
    return FilesOptions(blob_store=config.blob_store, data_dir=config.data_dir, options=options, s3=s3_options(config))


def s3_options(config: Config) -> S3Options:
    """What the settings say of an S3-compatible store."""
    parts = urlsplit(config.blob_store)
    return S3Options(
        bucket=parts.netloc,
        prefix=parts.path.strip("/"),
        endpoint=config.s3_endpoint,
        region=config.s3_region,
        access_key=config.s3_access_key,
        secret_key=config.s3_secret_key,
    )


def knowledge_options(config: Config, seat: Seat | None) -> KnowledgeOptions:
    """What the settings say of knowledge, and who else works on the same jobs."""
    worker = WorkerOptions(workers=config.job_workers)
    if seat is not None:
        family = seat.family
        worker = replace(worker, holder=family.name, members=family.members, dead=family.dead)
    limits = Limits(seconds=config.extract_timeout, memory_bytes=config.extract_memory)
    embedder = EmbedderOptions(model=model_of(config.embedding_model, "" if problem() else MODEL_ID))
    return KnowledgeOptions(worker=worker, ingest=IngestOptions(limits=limits), embedder=embedder)


def _runners(config: Config, seat: Seat | None) -> list[ManagedRunner]:
    """The first one whose model can answer gives the default model."""
    runners: list[ManagedRunner] = []
    if seat is not None:
        if seat.local is not None:
            # The queue is where the model is, so that all processes share one.
            runners.append(ManagedRunner(_reached(seat.local), ManagedOptions(failures_to_rest=0)))
    elif config.local_model:
        runners.append(local_runner(config))
    if config.embedding_model != OFF:
        # Also beside another one: what it made vectors of is searched by it until the other one has made them all.
        runners.append(embedded_runner())
    return [*runners, scripted_runner()]


def local_runner(config: Config) -> ManagedRunner:
    """The embedded model, which begins to load. It is never left alone: its engine has its own pauses."""
    options = LlamaOptions(
        models_dir=config.models_dir,
        slots=config.llama_slots,
        context_tokens=config.llama_context,
        threads=config.llama_threads,
        idle_stop=config.llama_idle_stop,
    )
    local = LlamaRunner(options)
    # Whoever opens the page now wants the first answer soon; unused, the process ends after the idle time.
    local.prewarm()
    limits = ManagedOptions(
        concurrency=config.llama_slots,
        queue_length=config.queue_length,
        queue_wait=config.queue_wait,
        # Loading and reading a long prompt take their time on a small machine; the engine watches itself for hangs.
        timeouts=Timeouts(first_token=900.0),
        failures_to_rest=0,
    )
    return ManagedRunner(local, limits, local.refuse)


def embedded_runner() -> ManagedRunner:
    """The embedding model of this machine, which starts when it is used. Its engine has its own queue and its own pauses."""
    embedded = E5Runner()
    limits = ManagedOptions(timeouts=Timeouts(first_token=900.0), failures_to_rest=0, retries=0)
    return ManagedRunner(embedded, limits, embedded.refuse)


def scripted_runner() -> ManagedRunner:
    """The scripted models. They are never left alone: a script fails as it was told to."""
    scripted = ScriptedRunner()
    return ManagedRunner(scripted, ManagedOptions(failures_to_rest=0), scripted.refuse)


def _reached(local: BackendOptions) -> Runner:
    return backends.build(runner_pb2.RUNNER_KIND_WORKER, local)


def sealer(config: Config) -> Sealer:
    """What encrypts secrets at rest."""
    return Sealer(TextKey(config.secret_key) if config.secret_key else FileKey(config.data_dir / "secret.key"))


def registry_options(config: Config) -> RegistryOptions:
    """What the settings say of runners."""
    managed = ManagedOptions(
        concurrency=config.runner_concurrency,
        queue_length=config.runner_queue_length,
        queue_wait=config.runner_queue_wait,
        timeouts=Timeouts(
            first_token=config.runner_first_token_timeout,
            between_tokens=config.runner_between_tokens_timeout,
            total=config.runner_total_timeout,
        ),
        retries=config.runner_retries,
        fallback=config.runner_fallback,
    )
    defaults = Defaults(
        managed=managed,
        connect_timeout=config.runner_connect_timeout,
        max_message_length=config.grpc_max_message_length,
        keepalive_time=config.grpc_keepalive_time,
        keepalive_timeout=config.grpc_keepalive_timeout,
        reach=Reach(private=config.runner_private_addresses),
    )
    return RegistryOptions(declared=config.runners, aliases=config.model_aliases, defaults=defaults)
