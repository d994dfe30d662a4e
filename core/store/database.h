// SQLite behind Result<T>: an opened database, prepared statements, transactions; defensive against hostile files.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace retort::store {

/// How a database file is opened. `applicationId` 0 accepts any; else a file with another one is refused.
struct OpenOptions {
  enum class Mode { readOnly, readWrite, create } mode = Mode::readWrite;
  std::uint32_t applicationId = 0;
  int pageSize = 0;                ///< of a new file; 0: SQLite's own
  bool fullSync = false;           ///< synchronous=FULL: what people made; else NORMAL: can be made again
  bool onNetworkDrive = false;     ///< DELETE journal instead of WAL, which needs one host
  int busyTimeoutMs = 5000;
  int cacheKiB = 16 * 1024;        ///< page cache
};

/// One row at a time of one prepared SQL text. Bind by 1-based position; columns are 0-based.
class Statement {
 public:
  Statement() = default;
  Statement(Statement&& other) noexcept : m_db(other.m_db), m_statement(std::exchange(other.m_statement, nullptr)) {}
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  Statement& bind(int position, std::int64_t value);
  Statement& bind(int position, double value);
  Statement& bindText(int position, std::string_view value);     ///< with its length: NUL is an ordinary character
  Statement& bindBlob(int position, std::string_view value);
  Statement& bindNull(int position);
  Statement& bindOptional(int position, const std::optional<std::int64_t>& value);

  /// True while there is a row. Busy, full, corrupt … are errors with their own codes.
  Result<bool> step();
  /// Runs a statement without rows and makes it ready for the next binding.
  Status run();
  void reset();                                                  ///< also clears the bindings

  [[nodiscard]] bool isNull(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] std::optional<std::int64_t> optionalInteger(int column) const;
  [[nodiscard]] std::string_view text(int column) const;         ///< valid until the next step or reset
  [[nodiscard]] std::string_view blob(int column) const;         ///< likewise

 private:
  friend class Database;
  Statement(sqlite3* db, sqlite3_stmt* statement) : m_db(db), m_statement(statement) {}
  sqlite3* m_db = nullptr;
  sqlite3_stmt* m_statement = nullptr;
};

class Database {
 public:
  /// Errors: store.open.missing, store.open.notdb, store.open.foreign (other application_id), store.corrupt, store.io …
  static Result<Database> open(const std::filesystem::path& path, const OpenOptions& options);
  Database(Database&& other) noexcept : m_db(std::exchange(other.m_db, nullptr)), m_path(std::move(other.m_path)), m_readOnly(other.m_readOnly) {}
  Database& operator=(Database&& other) noexcept;
  ~Database();

  Status exec(const std::string& sql);
  Result<Statement> prepare(std::string_view sql) const;
  /// The first column of the first row, or nullopt without a row or with NULL.
  Result<std::optional<std::int64_t>> integer(std::string_view sql) const;
  [[nodiscard]] std::int64_t lastInsertId() const;
  [[nodiscard]] std::int64_t changes() const;
  /// Changes when another connection commits.
  Result<std::int64_t> dataVersion() const;
  /// PRAGMA quick_check; an error "store.corrupt" with its first finding.
  Status quickCheck() const;
  /// Writes the file anew and empties the write-ahead log: nothing that was deleted stays in free pages. Needs the room of two more copies
  /// meanwhile. Error "store.busy" while another connection reads.
  Status scrub();
  /// Copies the whole database to `target` (a new file), consistent while others write.
  Status backup(const std::filesystem::path& target) const;
  [[nodiscard]] const std::filesystem::path& path() const { return m_path; }
  [[nodiscard]] bool isReadOnly() const { return m_readOnly; }
  /// The error of the last failed call, with the file's name.
  [[nodiscard]] Error lastError(std::string_view action) const;

 private:
  Database(sqlite3* db, std::filesystem::path path, bool readOnly) : m_db(db), m_path(std::move(path)), m_readOnly(readOnly) {}
  sqlite3* m_db = nullptr;
  std::filesystem::path m_path;
  bool m_readOnly = false;
};

/// An IMMEDIATE transaction; rolled back by its destructor unless committed.
class Transaction {
 public:
  static Result<Transaction> begin(Database& db);
  Transaction(Transaction&& other) noexcept : m_db(std::exchange(other.m_db, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status commit();

 private:
  explicit Transaction(Database& db) : m_db(&db) {}
  Database* m_db;
};

/// One forward step of a schema, numbered from 1. A destructive one is preceded by a backup beside the file.
struct Migration {
  int version;
  const char* sql;
  bool destructive = false;
};

/// Brings user_version up to the last migration, each step in one transaction. A file from the future is the error
/// "store.newer", naming both versions; open it read-only then.
Status migrate(Database& db, std::span<const Migration> migrations);

/// Turns an SQLite result code into an Error of ours: store.busy, store.full, store.corrupt, store.io, store.readonly, store.sql.
[[nodiscard]] Error sqliteError(int code, std::string_view action, const std::filesystem::path& path, std::string_view detail);

}  // namespace retort::store
