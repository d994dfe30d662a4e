// SQLite: opening defensively, statements, transactions, backup.
#include "store/database.h"

#include <sqlite3.h>

#include <system_error>

#include "base/format.h"

namespace retort::store {

namespace {

/// SQL text that a file brings with it (views, triggers, CHECK) must not reach functions with side effects.
void harden(sqlite3* db) {
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 512 << 20);
  sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 2);
}

}  // namespace

Error sqliteError(int code, std::string_view action, const std::filesystem::path& path, std::string_view detail) {
  Error error;
  error.what = shown(path.filename().string()) + ": could not " + std::string(action);
  error.where = path.parent_path().string();
  error.detail = std::string(detail) + " (SQLite " + std::to_string(code) + ")";
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      error.code = "store.busy";
      error.why = "another program is writing to it";
      error.next = "Try again when it has finished.";
      break;
    case SQLITE_FULL:
      error.code = "store.full";
      error.why = "the disk is full; what was not complete was taken back";
      error.next = "Free some space, then start again: it continues where it stopped.";
      break;
    case SQLITE_CORRUPT:
      error.code = "store.corrupt";
      error.why = "its contents are damaged";
      error.next = "Move the file away and import the sources again, or restore a copy.";
      break;
    case SQLITE_NOTADB:
      error.code = "store.open.notdb";
      error.why = "it is no SQLite database";
      error.next = "Move the file away; a new one is made by the next import.";
      break;
    case SQLITE_IOERR:
      error.code = "store.io";
      error.why = "the disk reported an error";
      error.next = "Check the disk and its connection.";
      break;
    case SQLITE_READONLY:
    case SQLITE_PERM:
      error.code = "store.readonly";
      error.why = "it may not be written to";
      error.next = "Change its permissions, or copy the workspace to a folder of your own.";
      break;
    case SQLITE_CANTOPEN:
      error.code = "store.open.cannot";
      error.why = "the file cannot be opened";
      error.next = "Check that its folder exists and may be read and written.";
      break;
    case SQLITE_CONSTRAINT:
      error.code = "store.constraint";
      error.why = "a row breaks a rule of the table";
      break;
    default:
      error.code = "store.sql";
      error.why = std::string(detail);
  }
  return error;
}

Statement& Statement::operator=(Statement&& other) noexcept {
  if (this != &other) {
    sqlite3_finalize(m_statement);
    m_db = other.m_db;
    m_statement = std::exchange(other.m_statement, nullptr);
  }
  return *this;
}

Statement::~Statement() { sqlite3_finalize(m_statement); }

Statement& Statement::bind(int position, std::int64_t value) { return sqlite3_bind_int64(m_statement, position, value), *this; }
Statement& Statement::bind(int position, double value) { return sqlite3_bind_double(m_statement, position, value), *this; }
Statement& Statement::bindText(int position, std::string_view value) {
  sqlite3_bind_text64(m_statement, position, value.empty() ? "" : value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}
Statement& Statement::bindBlob(int position, std::string_view value) {
  sqlite3_bind_blob64(m_statement, position, value.empty() ? "" : value.data(), value.size(), SQLITE_TRANSIENT);
  return *this;
}
Statement& Statement::bindNull(int position) { return sqlite3_bind_null(m_statement, position), *this; }
Statement& Statement::bindOptional(int position, const std::optional<std::int64_t>& value) {
  return value ? bind(position, *value) : bindNull(position);
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(m_statement);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  const char* name = sqlite3_db_filename(m_db, "main");
  return sqliteError(sqlite3_extended_errcode(m_db), "read or write a row", name ? name : "", sqlite3_errmsg(m_db));
}

Status Statement::run() {
  auto row = step();
  reset();
  if (!row.ok()) return std::move(row).error();
  return {};
}

void Statement::reset() {
  sqlite3_reset(m_statement);
  sqlite3_clear_bindings(m_statement);
}

bool Statement::isNull(int column) const { return sqlite3_column_type(m_statement, column) == SQLITE_NULL; }
std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(m_statement, column); }
double Statement::real(int column) const { return sqlite3_column_double(m_statement, column); }
std::optional<std::int64_t> Statement::optionalInteger(int column) const {
  if (isNull(column)) return std::nullopt;
  return integer(column);
}
std::string_view Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(m_statement, column));
  return text ? std::string_view(text, static_cast<std::size_t>(sqlite3_column_bytes(m_statement, column))) : std::string_view();
}
std::string_view Statement::blob(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(m_statement, column));
  return bytes ? std::string_view(bytes, static_cast<std::size_t>(sqlite3_column_bytes(m_statement, column))) : std::string_view();
}

Database& Database::operator=(Database&& other) noexcept {
  if (this != &other) {
    sqlite3_close_v2(m_db);
    m_db = std::exchange(other.m_db, nullptr);
    m_path = std::move(other.m_path);
    m_readOnly = other.m_readOnly;
  }
  return *this;
}

Database::~Database() { sqlite3_close_v2(m_db); }

Result<Database> Database::open(const std::filesystem::path& path, const OpenOptions& options) {
  using Mode = OpenOptions::Mode;
  std::error_code ignored;
  const bool isNew = !std::filesystem::exists(path, ignored) || std::filesystem::file_size(path, ignored) == 0;
  if (isNew && options.mode != Mode::create)
    return Error{"store.open.missing", shown(path.filename().string()) + " does not exist", path.parent_path().string(), {}, {}, {}, {}};
  // Statistics of its memory, which nobody reads, cost every allocation of SQLite a lock that all threads share.
  static const int unmetered = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  (void)unmetered;
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  flags |= options.mode == Mode::readOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  if (options.mode == Mode::create) flags |= SQLITE_OPEN_CREATE;
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  Database db(raw, path, options.mode == Mode::readOnly);
  if (code != SQLITE_OK) return sqliteError(code, "open the database", path, raw ? sqlite3_errmsg(raw) : "out of memory");
  harden(raw);
  sqlite3_busy_timeout(raw, options.busyTimeoutMs);
  RETORT_CHECK(db.exec("PRAGMA mmap_size=0; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-" + std::to_string(options.cacheKiB)));
  // A file that a killed process had only begun rolls back to nothing when it is opened: it is as good as new.
  bool isEmpty = isNew;
  if (!isNew && options.mode == Mode::create) {
    RETORT_TRY(const auto tables, db.integer("SELECT count(*) FROM sqlite_master"));
    RETORT_TRY(const auto found, db.integer("PRAGMA application_id"));
    isEmpty = tables.value_or(0) == 0 && found.value_or(0) == 0;
  }
  if (isEmpty) {
    // The page size must come before anything is written to the file.
    if (options.pageSize) RETORT_CHECK(db.exec("PRAGMA page_size=" + std::to_string(options.pageSize)));
    if (options.applicationId) RETORT_CHECK(db.exec("PRAGMA application_id=" + std::to_string(options.applicationId)));
  } else {
    RETORT_TRY(const auto found, db.integer("PRAGMA application_id"));
    RETORT_TRY(const auto tables, db.integer("SELECT count(*) FROM sqlite_master"));
    if (options.applicationId && static_cast<std::uint32_t>(found.value_or(0)) != options.applicationId && tables.value_or(0) > 0)
      return Error{"store.open.foreign", shown(path.filename().string()) + " is a database of another program", path.parent_path().string(), {},
                   "Move it away, or choose another workspace.", {}, {}};
  }
  if (options.mode != Mode::readOnly) {
    RETORT_CHECK(db.exec(options.onNetworkDrive ? "PRAGMA journal_mode=DELETE" : "PRAGMA journal_mode=WAL"));
    RETORT_CHECK(db.exec(options.fullSync ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL"));
  }
  // Once more: SQLite counted the cache in pages of its default size before it knew the file's own, which made it four times as large.
  RETORT_CHECK(db.exec("PRAGMA cache_size=-" + std::to_string(options.cacheKiB)));
  return db;
}

Error Database::lastError(std::string_view action) const { return sqliteError(sqlite3_extended_errcode(m_db), action, m_path, sqlite3_errmsg(m_db)); }

Status Database::exec(const std::string& sql) {
  if (sqlite3_exec(m_db, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) return lastError("run a statement");
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) const {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(m_db, sql.data(), static_cast<int>(sql.size()), 0, &statement, nullptr) != SQLITE_OK) return lastError("prepare a statement");
  return Statement(m_db, statement);
}

Result<std::optional<std::int64_t>> Database::integer(std::string_view sql) const {
  RETORT_TRY(auto statement, prepare(sql));
  RETORT_TRY(const bool row, statement.step());
  if (!row) return std::optional<std::int64_t>();
  return statement.optionalInteger(0);
}

std::int64_t Database::lastInsertId() const { return sqlite3_last_insert_rowid(m_db); }
std::int64_t Database::changes() const { return sqlite3_changes64(m_db); }

Result<std::int64_t> Database::dataVersion() const {
  RETORT_TRY(const auto version, integer("PRAGMA data_version"));
  return version.value_or(0);
}

Status Database::quickCheck() const {
  RETORT_TRY(auto statement, prepare("PRAGMA quick_check(1)"));
  RETORT_TRY(const bool row, statement.step());
  if (row && statement.text(0) == "ok") return {};
  return sqliteError(SQLITE_CORRUPT, "pass its check", m_path, row ? statement.text(0) : "");
}

Status Database::scrub() {
  // In memory the second copy of a large store would not fit.
  RETORT_CHECK(exec("PRAGMA temp_store=FILE; VACUUM; PRAGMA temp_store=MEMORY"));
  RETORT_TRY(const auto isBusy, integer("PRAGMA wal_checkpoint(TRUNCATE)"));
  if (isBusy.value_or(0) != 0) return sqliteError(SQLITE_BUSY, "empty its write-ahead log", m_path, "another connection reads it");
  return {};
}

Status Database::backup(const std::filesystem::path& target) const {
  OpenOptions options;
  options.mode = OpenOptions::Mode::create;
  options.onNetworkDrive = true;
  RETORT_TRY(auto copy, open(target, options));
  sqlite3_backup* backup = sqlite3_backup_init(copy.m_db, "main", m_db, "main");
  if (!backup) return copy.lastError("start a backup");
  int code = SQLITE_OK;
  do {
    code = sqlite3_backup_step(backup, 256);
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED) sqlite3_sleep(20);
  } while (code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_LOCKED);
  sqlite3_backup_finish(backup);
  if (code != SQLITE_DONE) return sqliteError(code, "make a backup", target, sqlite3_errstr(code));
  return {};
}

Result<Transaction> Transaction::begin(Database& db) {
  RETORT_CHECK(db.exec("BEGIN IMMEDIATE"));
  return Transaction(db);
}

Transaction::~Transaction() {
  if (m_db) (void)m_db->exec("ROLLBACK");
}

Status Transaction::commit() {
  RETORT_CHECK(m_db->exec("COMMIT"));
  m_db = nullptr;
  return {};
}

Status migrate(Database& db, std::span<const Migration> migrations) {
  const int newest = migrations.empty() ? 0 : migrations.back().version;
  RETORT_TRY(const auto found, db.integer("PRAGMA user_version"));
  const auto current = found.value_or(0);
  if (current > newest)
    return Error{"store.newer", shown(db.path().filename().string()) + " was made by a newer Retort", db.path().parent_path().string(),
                 "its schema is " + std::to_string(current) + ", this program reads " + std::to_string(newest), "Update Retort to change it.", {}, {}};
  for (const auto& step : migrations) {
    if (step.version <= current) continue;
    if (step.destructive && current > 0)
      RETORT_CHECK(db.backup(db.path().string() + ".before-" + std::to_string(step.version)));
    RETORT_TRY(auto transaction, Transaction::begin(db));
    // Two programs may open a new file at once: the second finds the step done.
    RETORT_TRY(const auto now, db.integer("PRAGMA user_version"));
    if (now.value_or(0) >= step.version) continue;
    RETORT_CHECK(db.exec(step.sql));
    RETORT_CHECK(db.exec("PRAGMA user_version=" + std::to_string(step.version)));
    RETORT_CHECK(transaction.commit());
  }
  return {};
}

}  // namespace retort::store
