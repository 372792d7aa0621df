-- The tables of SQLite, PostgreSQL, MySQL and MariaDB alike: types that all have, times in
-- milliseconds since 1970, money in nano-USD, lists and maps as JSON. /*! … */ is read by MySQL
-- and MariaDB alone: names are told apart by each byte. /*SQLite … */ and the like are uncovered
-- for the databases that are named. MySQL undoes no CREATE TABLE, so doing these again must do no
-- harm; and since it has no CREATE INDEX IF NOT EXISTS, an index is a UNIQUE that ends in what is
-- unique anyhow.

-- +goose Up
CREATE TABLE IF NOT EXISTS settings (
    name VARCHAR(64) NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) /*! ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin */;

-- accounts_version grows with each change of an account; books is locked by who changes sums.
CREATE TABLE IF NOT EXISTS counters (
    name VARCHAR(64) NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
) /*! ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin */;

-- secret, oauth, oauth_tokens, proxy_secret and header are encrypted. proxy_url shows no password;
-- where it has one, proxy_secret is all of it. proxy_fallback_to_direct is NULL where the account
-- says nothing. details are groups, models, limits, schedule and health. total_cost +
-- cost_before is what account_usages has under the account's name.
CREATE TABLE IF NOT EXISTS accounts (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    name VARCHAR(128) NOT NULL UNIQUE,
    provider VARCHAR(64) NOT NULL,
    base_url VARCHAR(1024) NOT NULL,
    enabled BOOLEAN NOT NULL DEFAULT TRUE,
    secret TEXT NOT NULL,
    oauth TEXT NOT NULL,
    oauth_tokens TEXT NOT NULL,
    proxy_url VARCHAR(512) NOT NULL DEFAULT '',
    proxy_secret TEXT NOT NULL,
    proxy_fallback_to_direct BOOLEAN DEFAULT FALSE,
    weight BIGINT NOT NULL DEFAULT 0,
    priority BIGINT NOT NULL DEFAULT 0,
    price_rate DOUBLE PRECISION NOT NULL DEFAULT 0,
    header TEXT NOT NULL,
    details TEXT NOT NULL,
    total_cost BIGINT NOT NULL DEFAULT 0,
    cost_before BIGINT NOT NULL DEFAULT 0,
    daily_requests BIGINT NOT NULL DEFAULT 0,
    daily_requests_date VARCHAR(10) NOT NULL DEFAULT '',
    rate_limit_reset_at BIGINT NOT NULL DEFAULT 0,
    consecutive_error_count BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
) /*! ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin */;

-- details are models, groups and quotas. expires_at is 0 for never.
CREATE TABLE IF NOT EXISTS api_keys (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    user_id VARCHAR(128) NOT NULL,
    hint VARCHAR(64) NOT NULL,
    hash VARCHAR(64) NOT NULL UNIQUE,
    enabled BOOLEAN NOT NULL DEFAULT TRUE,
    expires_at BIGINT NOT NULL DEFAULT 0,
    requests_per_minute BIGINT NOT NULL DEFAULT 0,
    in_flight BIGINT NOT NULL DEFAULT 0,
    price_rate DOUBLE PRECISION NOT NULL DEFAULT 0,
    details TEXT NOT NULL,
    total_cost BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (user_id, id)
) /*! ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin */;

-- The last batch that each writer has written.
CREATE TABLE IF NOT EXISTS write_batches (
    writer VARCHAR(64) NOT NULL PRIMARY KEY,
    last_batch BIGINT NOT NULL,
    written_at BIGINT NOT NULL
) /*! ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin */;

-- n tells records apart that were given the same id. attempts is '' where there was one, at
-- account, that cost what the request cost, or none, with no account; else they are listed.
-- Most of what a row costs is its indexes: they hold no more than each database has to have to
-- find a page of any listing, the newest first.
CREATE TABLE IF NOT EXISTS request_logs (
    started_at BIGINT NOT NULL,
    id VARCHAR(64) NOT NULL,
    n BIGINT NOT NULL,
    date VARCHAR(10) NOT NULL,
    user_id VARCHAR(128) NOT NULL,
    key_id VARCHAR(64) NOT NULL,
    account VARCHAR(128) NOT NULL,
    api VARCHAR(32) NOT NULL,
    operation VARCHAR(64) NOT NULL,
    group_name VARCHAR(128) NOT NULL,
    model VARCHAR(255) NOT NULL,
    stream BOOLEAN NOT NULL,
    status BIGINT NOT NULL,
    code VARCHAR(64) NOT NULL,
    client_ip VARCHAR(64) NOT NULL,
    input_tokens BIGINT NOT NULL,
    cached_input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cost BIGINT NOT NULL,
    charged BIGINT NOT NULL,
    cost_known BOOLEAN NOT NULL,
    used_proxy VARCHAR(512) NOT NULL,
    trail TEXT NOT NULL,
    attempts TEXT NOT NULL,
    first_byte_ns BIGINT NOT NULL,
    duration_ns BIGINT NOT NULL
    /*PostgreSQL,MySQL , PRIMARY KEY (started_at, id, n) */
    /*MySQL
    , UNIQUE (id, started_at, n),
    UNIQUE (user_id, started_at, id, n),
    UNIQUE (key_id, started_at, id, n),
    UNIQUE (account, started_at, id, n)
    */
) /*! ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin */;

/*SQLite
CREATE INDEX IF NOT EXISTS request_logs_start ON request_logs (started_at);
*/
/*SQLite,PostgreSQL
CREATE INDEX IF NOT EXISTS request_logs_id ON request_logs (id);
CREATE INDEX IF NOT EXISTS request_logs_user ON request_logs (user_id, started_at);
CREATE INDEX IF NOT EXISTS request_logs_key ON request_logs (key_id, started_at);
CREATE INDEX IF NOT EXISTS request_logs_account ON request_logs (account, started_at);
*/

CREATE TABLE IF NOT EXISTS daily_usages (
    date VARCHAR(10) NOT NULL,
    user_id VARCHAR(128) NOT NULL,
    key_id VARCHAR(64) NOT NULL,
    model VARCHAR(255) NOT NULL,
    requests BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cost BIGINT NOT NULL,
    charged BIGINT NOT NULL,
    PRIMARY KEY (date, user_id, key_id, model),
    UNIQUE (key_id, date, user_id, model)
) /*! ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin */;

-- What each account did, in the words of the log: it outlives the account.
CREATE TABLE IF NOT EXISTS account_usages (
    date VARCHAR(10) NOT NULL,
    account VARCHAR(128) NOT NULL,
    attempts BIGINT NOT NULL,
    cost BIGINT NOT NULL,
    PRIMARY KEY (date, account),
    UNIQUE (account, date)
) /*! ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin */;

-- By quarter of an hour, in milliseconds; what is long over, by month.
CREATE TABLE IF NOT EXISTS key_usages (
    key_id VARCHAR(64) NOT NULL,
    starts_at BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cost BIGINT NOT NULL,
    charged BIGINT NOT NULL,
    PRIMARY KEY (key_id, starts_at),
    UNIQUE (starts_at, key_id)
) /*! ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin */;

-- The sums of records that have no row: reason is dropped (the queue was full) or purged (they
-- were old).
CREATE TABLE IF NOT EXISTS dropped_logs (
    reason VARCHAR(16) NOT NULL,
    date VARCHAR(10) NOT NULL,
    user_id VARCHAR(128) NOT NULL,
    key_id VARCHAR(64) NOT NULL,
    model VARCHAR(255) NOT NULL,
    requests BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cost BIGINT NOT NULL,
    charged BIGINT NOT NULL,
    PRIMARY KEY (reason, date, user_id, key_id, model)
) /*! ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin */;

CREATE TABLE IF NOT EXISTS dropped_attempts (
    reason VARCHAR(16) NOT NULL,
    date VARCHAR(10) NOT NULL,
    account VARCHAR(128) NOT NULL,
    attempts BIGINT NOT NULL,
    cost BIGINT NOT NULL,
    PRIMARY KEY (reason, date, account)
) /*! ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin */;
