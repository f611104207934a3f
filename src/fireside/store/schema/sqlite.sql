-- Generated from migrations/schema.py by `python -m fireside.store.migrations.render`.

CREATE TABLE accounts (
	id TEXT NOT NULL,
	event_seq BIGINT DEFAULT 0 NOT NULL,
	pruned_seq BIGINT DEFAULT 0 NOT NULL,
	CONSTRAINT pk_accounts PRIMARY KEY (id)
);

CREATE TABLE model_aliases (
	alias TEXT NOT NULL,
	record BLOB NOT NULL,
	CONSTRAINT pk_model_aliases PRIMARY KEY (alias)
);

CREATE TABLE runner_positions (
	name TEXT NOT NULL,
	position BIGINT NOT NULL,
	CONSTRAINT pk_runner_positions PRIMARY KEY (name)
);

CREATE TABLE runners (
	name TEXT NOT NULL,
	revision BIGINT NOT NULL,
	create_time BIGINT NOT NULL,
	record BLOB NOT NULL,
	secret BLOB,
	CONSTRAINT pk_runners PRIMARY KEY (name)
);

CREATE TABLE account_events (
	owner TEXT NOT NULL,
	number BIGINT NOT NULL,
	create_time BIGINT NOT NULL,
	record BLOB NOT NULL,
	CONSTRAINT pk_account_events PRIMARY KEY (owner, number),
	CONSTRAINT fk_account_events_owner FOREIGN KEY(owner) REFERENCES accounts (id) ON DELETE CASCADE
)
 WITHOUT ROWID;

CREATE INDEX ix_account_events_create_time ON account_events (create_time);

CREATE TABLE conversations (
	id TEXT NOT NULL,
	owner TEXT NOT NULL,
	title_folded TEXT NOT NULL,
	update_time BIGINT NOT NULL,
	delete_time BIGINT,
	revision BIGINT NOT NULL,
	record BLOB NOT NULL,
	CONSTRAINT pk_conversations PRIMARY KEY (id),
	CONSTRAINT fk_conversations_owner FOREIGN KEY(owner) REFERENCES accounts (id) ON DELETE CASCADE
);

CREATE INDEX ix_conversations_deleted ON conversations (delete_time) WHERE delete_time IS NOT NULL;

CREATE INDEX ix_conversations_live ON conversations (owner, update_time, id) WHERE delete_time IS NULL;

CREATE TABLE requests (
	owner TEXT NOT NULL,
	request_id TEXT NOT NULL,
	method TEXT NOT NULL,
	fingerprint BLOB NOT NULL,
	response BLOB NOT NULL,
	create_time BIGINT NOT NULL,
	CONSTRAINT pk_requests PRIMARY KEY (owner, request_id),
	CONSTRAINT fk_requests_owner FOREIGN KEY(owner) REFERENCES accounts (id) ON DELETE CASCADE
);

CREATE INDEX ix_requests_create_time ON requests (create_time);

CREATE TABLE generations (
	id TEXT NOT NULL,
	owner TEXT NOT NULL,
	conversation_id TEXT NOT NULL,
	message_id TEXT NOT NULL,
	fingerprint BLOB NOT NULL,
	record BLOB NOT NULL,
	last_seq BIGINT NOT NULL,
	seq_limit BIGINT NOT NULL,
	stop_requested SMALLINT NOT NULL,
	log_kept SMALLINT NOT NULL,
	lease_holder TEXT NOT NULL,
	lease_until BIGINT NOT NULL,
	create_time BIGINT NOT NULL,
	end_time BIGINT,
	CONSTRAINT pk_generations PRIMARY KEY (id),
	CONSTRAINT fk_generations_owner FOREIGN KEY(owner) REFERENCES accounts (id) ON DELETE CASCADE,
	CONSTRAINT fk_generations_conversation_id FOREIGN KEY(conversation_id) REFERENCES conversations (id) ON DELETE CASCADE
);

CREATE INDEX ix_generations_conversation_id ON generations (conversation_id);

CREATE INDEX ix_generations_log_kept ON generations (end_time) WHERE log_kept = 1 AND end_time IS NOT NULL;

CREATE INDEX ix_generations_running ON generations (owner) WHERE end_time IS NULL;

CREATE TABLE messages (
	position INTEGER NOT NULL,
	id TEXT NOT NULL,
	conversation_id TEXT NOT NULL,
	parent_id TEXT NOT NULL,
	revision BIGINT NOT NULL,
	record BLOB NOT NULL,
	CONSTRAINT pk_messages PRIMARY KEY (position),
	CONSTRAINT uq_messages_id UNIQUE (id),
	CONSTRAINT fk_messages_conversation_id FOREIGN KEY(conversation_id) REFERENCES conversations (id) ON DELETE CASCADE
);

CREATE INDEX ix_messages_conversation_id_parent_id_position ON messages (conversation_id, parent_id, position);

CREATE TABLE generation_events (
	generation_id TEXT NOT NULL,
	first_seq BIGINT NOT NULL,
	last_seq BIGINT NOT NULL,
	payload BLOB NOT NULL,
	CONSTRAINT pk_generation_events PRIMARY KEY (generation_id, first_seq),
	CONSTRAINT fk_generation_events_generation_id FOREIGN KEY(generation_id) REFERENCES generations (id) ON DELETE CASCADE
);

CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

INSERT INTO alembic_version (version_num) VALUES ('0002');

INSERT INTO accounts (id) VALUES ('local');
