"""Answers that draw on files and collections: through the port, with real files, read and searched by words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

import pytest

from fireside.chat.fold import Fold
from fireside.gen.v1 import (
    chat_service_pb2,
    collection_service_pb2,
    conversation_service_pb2,
    generation_pb2,
    knowledge_service_pb2,
    message_pb2,
    upload_service_pb2,
)
from fireside.gen.v1.document_pb2 import DOCUMENT_STATE_READY, Document
from fireside.gen.v1.share_pb2 import SHARE_ROLE_VIEWER
from tests.accounts import AccountsServer, accounts_server
from tests.callers import Caller, CallError
from tests.rig import new_uuid, text_of, text_part

FIRES = """# Keeping a fire

A camp fire needs dry oak, and about two hours until its embers are good to cook on.

# Putting it out

Pour water on the embers until the hissing stops, stir them, and pour again.
"""
WHALES = "# Whales\n\nA blue whale eats four tonnes of krill a day.\n"


class Reader:
    """Somebody with files, and what they do with them."""

    def __init__(self, caller: Caller) -> None:
        self.call = caller

    async def upload(self, name: str, text: str, collection_id: str = "") -> upload_service_pb2.FinishedUpload:
        """A file that has come."""
        data = text.encode()
        upload_id = new_uuid()
        create = upload_service_pb2.CreateUploadRequest(
            upload_id=upload_id, name=name, size=len(data), collection_id=collection_id
        )
        await self.call.unary("CreateUpload", create)
        await self.call.unary("AppendUpload", upload_service_pb2.AppendUploadRequest(upload_id=upload_id, data=data))
        return (
            await self.call.unary("FinishUpload", upload_service_pb2.FinishUploadRequest(upload_id=upload_id))
        ).finished

    async def collection(self, name: str, **files: str) -> str:
        """A collection with files that are read."""
        collection_id = new_uuid()
        create = collection_service_pb2.CreateCollectionRequest(collection_id=collection_id, name=name)
        await self.call.unary("CreateCollection", create)
        for file, text in files.items():
            await self.upload(f"{file}.md", text, collection_id)
        watch = knowledge_service_pb2.WatchDocumentsRequest(collection_id=collection_id)
        seen: dict[str, Document] = {}
        async with aclosing(self.call.stream("WatchDocuments", watch)) as changes:  # pyright: ignore[reportArgumentType]
            async for change in changes:
                seen |= {document.id: document for document in change.documents}
                ready = [document for document in seen.values() if document.state == DOCUMENT_STATE_READY]
                if len(ready) == len(files):
                    break
        return collection_id

    async def ask(
        self, question: str, *parts: message_pb2.Part, conversation: str = "", parent: str = ""
    ) -> tuple[generation_pb2.GenerationSpec, message_pb2.Message, list[generation_pb2.Event]]:
        """The spec, the answer of a model that says what it was asked, and the log."""
        spec = generation_pb2.GenerationSpec(
            generation_id=new_uuid(), conversation_id=conversation or new_uuid(), answer_id=new_uuid(),
            model="scripted/echo",
            send=generation_pb2.SendInput(
                message_id=new_uuid(), parent_id=parent, parts=[*parts, text_part(question)]
            ),
        )  # fmt: skip
        return spec, *await self.answer(spec)

    async def answer(
        self, spec: generation_pb2.GenerationSpec
    ) -> tuple[message_pb2.Message, list[generation_pb2.Event]]:
        """An answer to its end."""
        fold, events = Fold(), []
        stream = self.call.stream("Generate", chat_service_pb2.GenerateRequest(spec=spec))
        async with aclosing(stream) as answers:  # pyright: ignore[reportArgumentType]
            async for answer in answers:
                events += answer.events
                for event in answer.events:
                    fold.apply(event)
        return fold.message(), events


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[AccountsServer]:
    async with accounts_server(tmp_path, embedding_model="off") as server:
        yield server


@pytest.fixture
async def people(server: AccountsServer) -> AsyncIterator[tuple[Reader, Reader]]:
    """Ada and Bob."""
    async with AsyncExitStack() as stack:
        them = [await server.person(name) for name in ("Cora", "Bob")]
        yield tuple([Reader(await stack.enter_async_context(one.caller())) for one in them])  # type: ignore[misc]


def file_part(file_id: str) -> message_pb2.Part:
    return message_pb2.Part(file=message_pb2.FilePart(file_id=file_id))


def collection_part(collection_id: str) -> message_pb2.Part:
    return message_pb2.Part(collection=message_pb2.CollectionPart(collection_id=collection_id))


def sources(answer: message_pb2.Message) -> tuple[message_pb2.SearchPart, list[message_pb2.CitationPart]]:
    """What an answer begins with."""
    assert answer.parts[0].HasField("search")
    return answer.parts[0].search, [part.citation for part in answer.parts if part.HasField("citation")]


async def test_an_answer_draws_on_an_attached_file(people: tuple[Reader, Reader]) -> None:
    cora, _ = people
    came = await cora.upload("fires.md", FIRES)
    spec, answer, events = await cora.ask("How do I put a fire out?", file_part(came.file.id))
    search, cited = sources(answer)
    assert (list(search.sources), search.passage_count, list(search.unread)) == (["fires.md"], len(cited), [])
    assert "Pour water on the embers" in "".join(citation.quote for citation in cited)
    assert [citation.number for citation in cited] == list(range(1, len(cited) + 1))
    assert {citation.file_id for citation in cited} == {came.file.id}
    told = text_of(answer)
    assert told.startswith("Sources:")
    assert "[1] (fires.md" in told
    phases = [event.heartbeat.phase for event in events if event.HasField("heartbeat")]
    assert generation_pb2.PHASE_SEARCHING in phases or events[1].delta.part.HasField("search")
    kept = await cora.call.unary(
        "ListMessages", conversation_service_pb2.ListMessagesRequest(conversation_id=spec.conversation_id)
    )
    assert [message.role for message in kept.messages] == [message_pb2.ROLE_USER, message_pb2.ROLE_ASSISTANT]
    attached = kept.messages[0].parts[0].file
    assert (attached.name, attached.size, attached.document_id) == ("fires.md", len(FIRES), came.document.id)
    assert list(kept.messages[1].parts) == list(answer.parts)


async def test_a_later_question_finds_the_file_again_and_earlier_sources_are_left_out(
    people: tuple[Reader, Reader],
) -> None:
    cora, _ = people
    came = await cora.upload("fires.md", FIRES)
    first, _, _ = await cora.ask("How do I put a fire out?", file_part(came.file.id))
    _, answer, _ = await cora.ask(
        "How long does it take until embers are good to cook on?",
        conversation=first.conversation_id, parent=first.answer_id,
    )  # fmt: skip
    _, cited = sources(answer)
    assert "two hours" in "".join(citation.quote for citation in cited)


async def test_a_collection_is_searched_for_one_question_or_for_all(people: tuple[Reader, Reader]) -> None:
    cora, _ = people
    library = await cora.collection("Nature", fires=FIRES, whales=WHALES)
    _, answer, _ = await cora.ask("How many tonnes of krill does a blue whale eat a day?", collection_part(library))
    search, cited = sources(answer)
    assert list(search.sources) == ["Nature"]
    assert cited[0].title == "whales.md"
    assert cited[0].collection_id == library
    conversation = new_uuid()
    every = conversation_service_pb2.SetConversationCollectionsRequest(
        conversation_id=conversation, collection_ids=[library]
    )
    changed = (await cora.call.unary("SetConversationCollections", every)).conversation
    assert list(changed.collection_ids) == [library]
    first, answer, _ = await cora.ask("Do I pour water on embers?", conversation=conversation)
    assert sources(answer)[1][0].title == "fires.md"
    _, answer, _ = await cora.ask(
        "How many tonnes of krill does a blue whale eat a day?", conversation=conversation, parent=first.answer_id
    )
    assert sources(answer)[1][0].title == "whales.md"


async def test_an_answer_says_that_nothing_was_found(people: tuple[Reader, Reader]) -> None:
    cora, _ = people
    library = await cora.collection("Nature", whales=WHALES)
    _, answer, _ = await cora.ask("Which compiler flags does quicksort want?", collection_part(library))
    search, cited = sources(answer)
    assert (search.passage_count, cited) == (0, [])
    assert "nothing about it was found" in text_of(answer)


async def test_another_answer_searches_again(people: tuple[Reader, Reader]) -> None:
    cora, _ = people
    came = await cora.upload("fires.md", FIRES)
    spec, _, _ = await cora.ask("How do I put a fire out?", file_part(came.file.id))
    again = generation_pb2.GenerationSpec(
        generation_id=new_uuid(), conversation_id=spec.conversation_id, answer_id=new_uuid(), model="scripted/echo",
        regenerate=generation_pb2.RegenerateInput(message_id=spec.answer_id),
    )  # fmt: skip
    answer, _ = await cora.answer(again)
    assert sources(answer)[1]


async def test_nobody_draws_on_what_they_may_not_read(people: tuple[Reader, Reader]) -> None:
    cora, bob = people
    came = await cora.upload("fires.md", FIRES)
    library = await cora.collection("Nature", whales=WHALES)
    for part, reason in (
        (file_part(came.file.id), "FILE_NOT_FOUND"),
        (collection_part(library), "COLLECTION_NOT_FOUND"),
    ):
        with pytest.raises(CallError) as caught:
            await bob.ask("What is in it?", part)
        assert caught.value.code == "NOT_FOUND"
        assert reason.encode() in caught.value.details["google.rpc.ErrorInfo"]
    every = conversation_service_pb2.SetConversationCollectionsRequest(
        conversation_id=new_uuid(), collection_ids=[library]
    )
    with pytest.raises(CallError) as caught:
        await bob.call.unary("SetConversationCollections", every)
    assert caught.value.code == "NOT_FOUND"


async def test_a_collection_that_is_not_shared_any_more_is_searched_no_more(people: tuple[Reader, Reader]) -> None:
    cora, bob = people
    library = await cora.collection("Nature", whales=WHALES)
    share = collection_service_pb2.ShareCollectionRequest(
        collection_id=library, email="bob@example.org", role=SHARE_ROLE_VIEWER
    )
    given = (await cora.call.unary("ShareCollection", share)).share
    question = "How many tonnes of krill does a blue whale eat a day?"
    first, answer, _ = await bob.ask(question, collection_part(library))
    assert sources(answer)[1][0].title == "whales.md"
    unshare = collection_service_pb2.UnshareCollectionRequest(share_id=given.id)
    await cora.call.unary("UnshareCollection", unshare)
    _, answer, _ = await bob.ask(question, conversation=first.conversation_id, parent=first.answer_id)
    assert [part.WhichOneof("kind") for part in answer.parts] == ["text"]
    assert "krill a day" not in text_of(answer)
