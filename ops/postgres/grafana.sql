-- The role that Grafana reads the ledger with. Run after every migration; running it again changes nothing.
--
-- It sees who did what when, and how that went, but nothing of what was said: no transcripts, no journalled facts,
-- no bodies of dead messages, no instructions of agents, no words of queries, no tags.

\getenv password GRAFANA_DATABASE_PASSWORD

SELECT 'CREATE ROLE grafana' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'grafana') \gexec

ALTER ROLE grafana LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
ALTER ROLE grafana SET default_transaction_read_only = on;
ALTER ROLE grafana SET statement_timeout = '15s';

BEGIN;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM grafana;
GRANT USAGE ON SCHEMA public TO grafana;
GRANT SELECT ON
    subjects, llm_calls, daily_statistics, user_statistics, hourly_statistics, tenant_statistics, content_statistics,
    snapshots
TO grafana;
GRANT SELECT (
    id, at, tenant_id, user_id, agent_id, session_id, type, event_id, memory_id, result_count, metadata
) ON audit TO grafana;
GRANT SELECT (
    id, tenant_id, user_id, agent_id, session_id, scope, kind, source, category, embedding_model, language, text_length,
    event_id, occurred_at, created_at, expires_at
) ON memories TO grafana;
GRANT SELECT (
    id, tenant_id, event_id, part, user_id, agent_id, session_id, run_id, occurred_at, received_at, status, reason,
    generation, tokens, extracted_turns, excerpts_at, finished_at
) ON conversations TO grafana;
GRANT SELECT (
    batch_id, tenant_id, user_id, generation, model, prompt_tokens, cached_tokens, completion_tokens, created_at
) ON journal TO grafana;
GRANT SELECT (tenant_id, agent_id, owner_id, memory_enabled, created_at, updated_at) ON agents TO grafana;
GRANT SELECT (
    id, message_id, queue, tenant_id, user_id, event_id, error, died_at, recorded_at
) ON dead_letters TO grafana;
GRANT SELECT (
    id, tenant_id, user_id, agent_id, session_id, everything, requested_by, requested_at, known, finished_at, settled_at
) ON deletions TO grafana;
GRANT SELECT (
    id, tenant_id, keep_learned, requested_by, requested_at, step, round, removed, receipt, finished_at, settled_at
) ON erasures TO grafana;
COMMIT;
