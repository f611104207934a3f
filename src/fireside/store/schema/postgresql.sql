-- Generated from migrations/schema.py by `python -m fireside.store.migrations.render`.

CREATE TABLE accounts (
	id TEXT COLLATE "C" NOT NULL,
	event_seq BIGINT DEFAULT 0 NOT NULL,
	pruned_seq BIGINT DEFAULT 0 NOT NULL,
	email_folded TEXT COLLATE "C",
	name_folded TEXT DEFAULT '' NOT NULL,
	role SMALLINT DEFAULT 0 NOT NULL,
	state SMALLINT DEFAULT 0 NOT NULL,
	revision BIGINT DEFAULT 0 NOT NULL,
	record BYTEA,
	password TEXT,
	totp BYTEA,
	subject TEXT COLLATE "C",
	last_use_time BIGINT,
	CONSTRAINT pk_accounts PRIMARY KEY (id)
);

CREATE UNIQUE INDEX ux_accounts_email_folded ON accounts (email_folded);

CREATE UNIQUE INDEX ux_accounts_subject ON accounts (subject);

CREATE TABLE audit_events (
	number BIGSERIAL NOT NULL,
	time BIGINT NOT NULL,
	actor_id TEXT COLLATE "C" NOT NULL,
	action TEXT COLLATE "C" NOT NULL,
	record BYTEA NOT NULL,
	CONSTRAINT pk_audit_events PRIMARY KEY (number)
);

CREATE INDEX ix_audit_events_actor_id_number ON audit_events (actor_id, number);

CREATE INDEX ix_audit_events_time ON audit_events (time);

CREATE TABLE blobs (
	id TEXT COLLATE "C" NOT NULL,
	size BIGINT NOT NULL,
	create_time BIGINT NOT NULL,
	delete_time BIGINT,
	CONSTRAINT pk_blobs PRIMARY KEY (id)
);

CREATE TABLE counters (
	name TEXT COLLATE "C" NOT NULL,
	value BIGINT NOT NULL,
	CONSTRAINT pk_counters PRIMARY KEY (name)
);

CREATE TABLE groups (
	id TEXT COLLATE "C" NOT NULL,
	name_folded TEXT COLLATE "C" NOT NULL,
	revision BIGINT NOT NULL,
	record BYTEA NOT NULL,
	CONSTRAINT pk_groups PRIMARY KEY (id),
	CONSTRAINT uq_groups_name_folded UNIQUE (name_folded)
);

CREATE TABLE jobs (
	id TEXT COLLATE "C" NOT NULL,
	kind TEXT COLLATE "C" NOT NULL,
	subject TEXT COLLATE "C" NOT NULL,
	lane TEXT COLLATE "C" NOT NULL,
	state SMALLINT NOT NULL,
	run_time BIGINT NOT NULL,
	lease_holder TEXT COLLATE "C" NOT NULL,
	lease_until BIGINT NOT NULL,
	attempts BIGINT NOT NULL,
	create_time BIGINT NOT NULL,
	payload BYTEA NOT NULL,
	last_error TEXT NOT NULL,
	CONSTRAINT pk_jobs PRIMARY KEY (id),
	CONSTRAINT uq_jobs_kind_subject UNIQUE (kind, subject)
);

CREATE INDEX ix_jobs_state_lane_run_time_lease_until_kind ON jobs (state, lane, run_time, lease_until, kind);

CREATE TABLE model_aliases (
	alias TEXT COLLATE "C" NOT NULL,
	record BYTEA NOT NULL,
	CONSTRAINT pk_model_aliases PRIMARY KEY (alias)
);

CREATE TABLE runner_positions (
	name TEXT COLLATE "C" NOT NULL,
	position BIGINT NOT NULL,
	CONSTRAINT pk_runner_positions PRIMARY KEY (name)
);

CREATE TABLE runners (
	name TEXT COLLATE "C" NOT NULL,
	revision BIGINT NOT NULL,
	create_time BIGINT NOT NULL,
	record BYTEA NOT NULL,
	secret BYTEA,
	CONSTRAINT pk_runners PRIMARY KEY (name)
);

CREATE TABLE server_policy (
	id BIGINT NOT NULL,
	revision BIGINT NOT NULL,
	record BYTEA NOT NULL,
	CONSTRAINT pk_server_policy PRIMARY KEY (id)
);

CREATE TABLE account_events (
	owner TEXT COLLATE "C" NOT NULL,
	number BIGINT NOT NULL,
	create_time BIGINT NOT NULL,
	record BYTEA NOT NULL,
	CONSTRAINT pk_account_events PRIMARY KEY (owner, number),
	CONSTRAINT fk_account_events_owner FOREIGN KEY(owner) REFERENCES accounts (id) ON DELETE CASCADE
);

CREATE INDEX ix_account_events_create_time ON account_events (create_time);

CREATE TABLE api_keys (
	id TEXT COLLATE "C" NOT NULL,
	token_hash BYTEA NOT NULL,
	owner TEXT COLLATE "C" NOT NULL,
	create_time BIGINT NOT NULL,
	last_use_time BIGINT,
	expire_time BIGINT,
	record BYTEA NOT NULL,
	CONSTRAINT pk_api_keys PRIMARY KEY (id),
	CONSTRAINT uq_api_keys_token_hash UNIQUE (token_hash),
	CONSTRAINT fk_api_keys_owner FOREIGN KEY(owner) REFERENCES accounts (id) ON DELETE CASCADE
);

CREATE INDEX ix_api_keys_owner ON api_keys (owner);

CREATE TABLE collections (
	id TEXT COLLATE "C" NOT NULL,
	owner TEXT COLLATE "C" NOT NULL,
	name_folded TEXT COLLATE "C" NOT NULL,
	revision BIGINT NOT NULL,
	change_seq BIGINT DEFAULT 0 NOT NULL,
	update_time BIGINT NOT NULL,
	record BYTEA NOT NULL,
	CONSTRAINT pk_collections PRIMARY KEY (id),
	CONSTRAINT uq_collections_owner_name_folded UNIQUE (owner, name_folded),
	CONSTRAINT fk_collections_owner FOREIGN KEY(owner) REFERENCES accounts (id) ON DELETE CASCADE
);

CREATE TABLE conversations (
	id TEXT COLLATE "C" NOT NULL,
	owner TEXT COLLATE "C" NOT NULL,
	title_folded TEXT NOT NULL,
	update_time BIGINT NOT NULL,
	delete_time BIGINT,
	revision BIGINT NOT NULL,
	record BYTEA NOT NULL,
	CONSTRAINT pk_conversations PRIMARY KEY (id),
	CONSTRAINT fk_conversations_owner FOREIGN KEY(owner) REFERENCES accounts (id) ON DELETE CASCADE
);

CREATE INDEX ix_conversations_deleted ON conversations (delete_time) WHERE delete_time IS NOT NULL;

CREATE INDEX ix_conversations_live ON conversations (owner, update_time, id) WHERE delete_time IS NULL;

CREATE TABLE files (
	id TEXT COLLATE "C" NOT NULL,
	owner TEXT COLLATE "C" NOT NULL,
	blob_id TEXT COLLATE "C" NOT NULL,
	sha256 BYTEA NOT NULL,
	size BIGINT NOT NULL,
	create_time BIGINT NOT NULL,
	record BYTEA NOT NULL,
	CONSTRAINT pk_files PRIMARY KEY (id),
	CONSTRAINT fk_files_owner FOREIGN KEY(owner) REFERENCES accounts (id) ON DELETE CASCADE,
	CONSTRAINT fk_files_blob_id FOREIGN KEY(blob_id) REFERENCES blobs (id)
);

CREATE INDEX ix_files_blob_id ON files (blob_id);

CREATE INDEX ix_files_owner ON files (owner);

CREATE INDEX ix_files_sha256 ON files (sha256);

CREATE TABLE group_members (
	group_id TEXT COLLATE "C" NOT NULL,
	account_id TEXT COLLATE "C" NOT NULL,
	by_provider SMALLINT DEFAULT 0 NOT NULL,
	CONSTRAINT pk_group_members PRIMARY KEY (group_id, account_id),
	CONSTRAINT fk_group_members_group_id FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE,
	CONSTRAINT fk_group_members_account_id FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE CASCADE
);

CREATE INDEX ix_group_members_account_id ON group_members (account_id);

CREATE TABLE one_time_tokens (
	id TEXT COLLATE "C" NOT NULL,
	token_hash BYTEA NOT NULL,
	purpose TEXT COLLATE "C" NOT NULL,
	owner TEXT COLLATE "C",
	create_time BIGINT NOT NULL,
	expire_time BIGINT NOT NULL,
	record BYTEA NOT NULL,
	CONSTRAINT pk_one_time_tokens PRIMARY KEY (id),
	CONSTRAINT uq_one_time_tokens_token_hash UNIQUE (token_hash),
	CONSTRAINT fk_one_time_tokens_owner FOREIGN KEY(owner) REFERENCES accounts (id) ON DELETE CASCADE
);

CREATE INDEX ix_one_time_tokens_owner ON one_time_tokens (owner);

CREATE INDEX ix_one_time_tokens_purpose_expire_time ON one_time_tokens (purpose, expire_time);

CREATE TABLE passkeys (
	id TEXT COLLATE "C" NOT NULL,
	credential_id BYTEA NOT NULL,
	owner TEXT COLLATE "C" NOT NULL,
	public_key BYTEA NOT NULL,
	sign_count BIGINT NOT NULL,
	create_time BIGINT NOT NULL,
	last_use_time BIGINT,
	record BYTEA NOT NULL,
	CONSTRAINT pk_passkeys PRIMARY KEY (id),
	CONSTRAINT uq_passkeys_credential_id UNIQUE (credential_id),
	CONSTRAINT fk_passkeys_owner FOREIGN KEY(owner) REFERENCES accounts (id) ON DELETE CASCADE
);

CREATE INDEX ix_passkeys_owner ON passkeys (owner);

CREATE TABLE recovery_codes (
	owner TEXT COLLATE "C" NOT NULL,
	code_hash BYTEA NOT NULL,
	CONSTRAINT pk_recovery_codes PRIMARY KEY (owner, code_hash),
	CONSTRAINT fk_recovery_codes_owner FOREIGN KEY(owner) REFERENCES accounts (id) ON DELETE CASCADE
);

CREATE TABLE requests (
	owner TEXT COLLATE "C" NOT NULL,
	request_id TEXT COLLATE "C" NOT NULL,
	method TEXT NOT NULL,
	fingerprint BYTEA NOT NULL,
	response BYTEA NOT NULL,
	create_time BIGINT NOT NULL,
	CONSTRAINT pk_requests PRIMARY KEY (owner, request_id),
	CONSTRAINT fk_requests_owner FOREIGN KEY(owner) REFERENCES accounts (id) ON DELETE CASCADE
);

CREATE INDEX ix_requests_create_time ON requests (create_time);

CREATE TABLE sessions (
	id TEXT COLLATE "C" NOT NULL,
	token_hash BYTEA NOT NULL,
	owner TEXT COLLATE "C" NOT NULL,
	last_use_time BIGINT NOT NULL,
	expire_time BIGINT NOT NULL,
	fresh_time BIGINT NOT NULL,
	record BYTEA NOT NULL,
	CONSTRAINT pk_sessions PRIMARY KEY (id),
	CONSTRAINT uq_sessions_token_hash UNIQUE (token_hash),
	CONSTRAINT fk_sessions_owner FOREIGN KEY(owner) REFERENCES accounts (id) ON DELETE CASCADE
);

CREATE INDEX ix_sessions_expire_time ON sessions (expire_time);

CREATE INDEX ix_sessions_owner ON sessions (owner);

CREATE TABLE usage (
	owner TEXT COLLATE "C" NOT NULL,
	day BIGINT NOT NULL,
	messages BIGINT NOT NULL,
	tokens BIGINT NOT NULL,
	CONSTRAINT pk_usage PRIMARY KEY (owner, day),
	CONSTRAINT fk_usage_owner FOREIGN KEY(owner) REFERENCES accounts (id) ON DELETE CASCADE
);

CREATE TABLE collection_shares (
	id TEXT COLLATE "C" NOT NULL,
	collection_id TEXT COLLATE "C" NOT NULL,
	account_id TEXT COLLATE "C",
	group_id TEXT COLLATE "C",
	role SMALLINT NOT NULL,
	create_time BIGINT NOT NULL,
	CONSTRAINT pk_collection_shares PRIMARY KEY (id),
	CONSTRAINT uq_collection_shares_collection_id_account_id UNIQUE (collection_id, account_id),
	CONSTRAINT uq_collection_shares_collection_id_group_id UNIQUE (collection_id, group_id),
	CONSTRAINT fk_collection_shares_collection_id FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE,
	CONSTRAINT fk_collection_shares_account_id FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE CASCADE,
	CONSTRAINT fk_collection_shares_group_id FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE
);

CREATE INDEX ix_collection_shares_account_id ON collection_shares (account_id);

CREATE INDEX ix_collection_shares_group_id ON collection_shares (group_id);

CREATE TABLE conversation_files (
	conversation_id TEXT COLLATE "C" NOT NULL,
	file_id TEXT COLLATE "C" NOT NULL,
	CONSTRAINT pk_conversation_files PRIMARY KEY (conversation_id, file_id),
	CONSTRAINT fk_conversation_files_conversation_id FOREIGN KEY(conversation_id) REFERENCES conversations (id) ON DELETE CASCADE,
	CONSTRAINT fk_conversation_files_file_id FOREIGN KEY(file_id) REFERENCES files (id) ON DELETE CASCADE
);

CREATE INDEX ix_conversation_files_file_id ON conversation_files (file_id);

CREATE TABLE documents (
	id TEXT COLLATE "C" NOT NULL,
	owner TEXT COLLATE "C" NOT NULL,
	collection_id TEXT COLLATE "C",
	place TEXT COLLATE "C",
	state SMALLINT NOT NULL,
	ready_version BIGINT NOT NULL,
	change_seq BIGINT NOT NULL,
	update_time BIGINT NOT NULL,
	record BYTEA NOT NULL,
	CONSTRAINT pk_documents PRIMARY KEY (id),
	CONSTRAINT uq_documents_collection_id_place UNIQUE (collection_id, place),
	CONSTRAINT fk_documents_owner FOREIGN KEY(owner) REFERENCES accounts (id) ON DELETE CASCADE,
	CONSTRAINT fk_documents_collection_id FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE
);

CREATE INDEX ix_documents_collection_id_change_seq ON documents (collection_id, change_seq);

CREATE INDEX ix_documents_owner ON documents (owner);

CREATE TABLE generations (
	id TEXT COLLATE "C" NOT NULL,
	owner TEXT COLLATE "C" NOT NULL,
	conversation_id TEXT COLLATE "C" NOT NULL,
	message_id TEXT COLLATE "C" NOT NULL,
	fingerprint BYTEA NOT NULL,
	record BYTEA NOT NULL,
	last_seq BIGINT NOT NULL,
	seq_limit BIGINT NOT NULL,
	stop_requested SMALLINT NOT NULL,
	log_kept SMALLINT NOT NULL,
	lease_holder TEXT COLLATE "C" NOT NULL,
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
	position BIGSERIAL NOT NULL,
	id TEXT COLLATE "C" NOT NULL,
	conversation_id TEXT COLLATE "C" NOT NULL,
	parent_id TEXT COLLATE "C" NOT NULL,
	revision BIGINT NOT NULL,
	record BYTEA NOT NULL,
	CONSTRAINT pk_messages PRIMARY KEY (position),
	CONSTRAINT uq_messages_id UNIQUE (id),
	CONSTRAINT fk_messages_conversation_id FOREIGN KEY(conversation_id) REFERENCES conversations (id) ON DELETE CASCADE
);

CREATE INDEX ix_messages_conversation_id_parent_id_position ON messages (conversation_id, parent_id, position);

CREATE TABLE shares (
	id TEXT COLLATE "C" NOT NULL,
	conversation_id TEXT COLLATE "C" NOT NULL,
	account_id TEXT COLLATE "C",
	group_id TEXT COLLATE "C",
	token_hash BYTEA,
	role SMALLINT NOT NULL,
	create_time BIGINT NOT NULL,
	expire_time BIGINT,
	record BYTEA NOT NULL,
	CONSTRAINT pk_shares PRIMARY KEY (id),
	CONSTRAINT uq_shares_conversation_id_account_id UNIQUE (conversation_id, account_id),
	CONSTRAINT uq_shares_conversation_id_group_id UNIQUE (conversation_id, group_id),
	CONSTRAINT fk_shares_conversation_id FOREIGN KEY(conversation_id) REFERENCES conversations (id) ON DELETE CASCADE,
	CONSTRAINT fk_shares_account_id FOREIGN KEY(account_id) REFERENCES accounts (id) ON DELETE CASCADE,
	CONSTRAINT fk_shares_group_id FOREIGN KEY(group_id) REFERENCES groups (id) ON DELETE CASCADE,
	CONSTRAINT uq_shares_token_hash UNIQUE (token_hash)
);

CREATE INDEX ix_shares_account_id ON shares (account_id);

CREATE INDEX ix_shares_group_id ON shares (group_id);

CREATE TABLE uploads (
	id TEXT COLLATE "C" NOT NULL,
	owner TEXT COLLATE "C" NOT NULL,
	collection_id TEXT COLLATE "C",
	blob_id TEXT COLLATE "C" NOT NULL,
	size BIGINT NOT NULL,
	create_time BIGINT NOT NULL,
	expire_time BIGINT NOT NULL,
	record BYTEA NOT NULL,
	CONSTRAINT pk_uploads PRIMARY KEY (id),
	CONSTRAINT fk_uploads_owner FOREIGN KEY(owner) REFERENCES accounts (id) ON DELETE CASCADE,
	CONSTRAINT fk_uploads_collection_id FOREIGN KEY(collection_id) REFERENCES collections (id) ON DELETE CASCADE,
	CONSTRAINT fk_uploads_blob_id FOREIGN KEY(blob_id) REFERENCES blobs (id)
);

CREATE INDEX ix_uploads_blob_id ON uploads (blob_id);

CREATE INDEX ix_uploads_collection_id ON uploads (collection_id);

CREATE INDEX ix_uploads_expire_time ON uploads (expire_time);

CREATE INDEX ix_uploads_owner ON uploads (owner);

CREATE TABLE chunks (
	id BIGSERIAL NOT NULL,
	document_id TEXT COLLATE "C" NOT NULL,
	version BIGINT NOT NULL,
	ordinal BIGINT NOT NULL,
	scope TEXT COLLATE "C" NOT NULL,
	record BYTEA NOT NULL,
	CONSTRAINT pk_chunks PRIMARY KEY (id),
	CONSTRAINT uq_chunks_document_id_version_ordinal UNIQUE (document_id, version, ordinal),
	CONSTRAINT fk_chunks_document_id FOREIGN KEY(document_id) REFERENCES documents (id) ON DELETE CASCADE
);

CREATE INDEX ix_chunks_scope_id ON chunks (scope, id);

CREATE TABLE document_versions (
	document_id TEXT COLLATE "C" NOT NULL,
	version BIGINT NOT NULL,
	file_id TEXT COLLATE "C" NOT NULL,
	create_time BIGINT NOT NULL,
	record BYTEA NOT NULL,
	CONSTRAINT pk_document_versions PRIMARY KEY (document_id, version),
	CONSTRAINT fk_document_versions_document_id FOREIGN KEY(document_id) REFERENCES documents (id) ON DELETE CASCADE,
	CONSTRAINT fk_document_versions_file_id FOREIGN KEY(file_id) REFERENCES files (id) ON DELETE CASCADE
);

CREATE INDEX ix_document_versions_file_id ON document_versions (file_id);

CREATE TABLE generation_events (
	generation_id TEXT COLLATE "C" NOT NULL,
	first_seq BIGINT NOT NULL,
	last_seq BIGINT NOT NULL,
	payload BYTEA NOT NULL,
	CONSTRAINT pk_generation_events PRIMARY KEY (generation_id, first_seq),
	CONSTRAINT fk_generation_events_generation_id FOREIGN KEY(generation_id) REFERENCES generations (id) ON DELETE CASCADE
);

CREATE TABLE chunk_vectors (
	scope TEXT COLLATE "C" NOT NULL,
	model TEXT COLLATE "C" NOT NULL,
	chunk_id BIGINT NOT NULL,
	vector BYTEA NOT NULL,
	CONSTRAINT pk_chunk_vectors PRIMARY KEY (scope, model, chunk_id),
	CONSTRAINT fk_chunk_vectors_chunk_id FOREIGN KEY(chunk_id) REFERENCES chunks (id) ON DELETE CASCADE
);

CREATE INDEX ix_chunk_vectors_chunk_id ON chunk_vectors (chunk_id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'The audit log is only appended to.'; END $$;

CREATE TRIGGER audit_events_no_change BEFORE UPDATE OR DELETE ON audit_events FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE chunk_text (chunk_id BIGINT NOT NULL, terms TSVECTOR NOT NULL, CONSTRAINT pk_chunk_text PRIMARY KEY (chunk_id), CONSTRAINT fk_chunk_text_chunk_id FOREIGN KEY (chunk_id) REFERENCES chunks (id) ON DELETE CASCADE);

CREATE INDEX ix_chunk_text_terms ON chunk_text USING gin (terms);

ALTER TABLE chunk_text ALTER COLUMN terms SET STATISTICS 500;

CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

INSERT INTO alembic_version (version_num) VALUES ('0004');

INSERT INTO accounts (id) VALUES ('local');
