// Tables of derived.db.
#include "logs/derived_schema.h"

namespace retort::logs {

namespace {

constexpr std::uint32_t kApplicationId = 0x52544456;   // "RTDV"

// value.code counts from 1 in each field; value.note: what people read for it. family: the state of the mining. conv: the ends of calls that
// a later call may go on from. h, end and alone are cut hashes: a hit is as good as the whole hash, 2^64 apart.
constexpr const char* kSchema1 = R"sql(
CREATE TABLE state(name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE value(field INT NOT NULL, code INT NOT NULL, text TEXT NOT NULL, note TEXT NOT NULL, PRIMARY KEY(field,code)) STRICT, WITHOUT ROWID;
CREATE TABLE seg(field INT NOT NULL, seg INT NOT NULL, n INT NOT NULL, b BLOB NOT NULL, PRIMARY KEY(field,seg)) STRICT, WITHOUT ROWID;
CREATE TABLE family(code INTEGER PRIMARY KEY, system INT NOT NULL, founder TEXT NOT NULL, template TEXT NOT NULL) STRICT;
CREATE TABLE conv(id INTEGER PRIMARY KEY, t INT NOT NULL, end INT NOT NULL, alone INT NOT NULL, root INT NOT NULL, step INT NOT NULL) STRICT;
CREATE TABLE root(h INT NOT NULL, id INT NOT NULL, PRIMARY KEY(h,id)) STRICT, WITHOUT ROWID;
CREATE INDEX root_id ON root(id);
)sql";

constexpr std::array<store::Migration, 1> kMigrations = {{{1, kSchema1, false}}};

}  // namespace

Result<store::Database> openDerived(const std::filesystem::path& folder, bool create) {
  store::OpenOptions options;
  options.mode = create ? store::OpenOptions::Mode::create : store::OpenOptions::Mode::readOnly;
  options.applicationId = kApplicationId;
  options.pageSize = 16384;
  options.cacheKiB = 8 * 1024;
  RETORT_TRY(auto db, store::Database::open(folder / "derived.db", options));
  if (create) RETORT_CHECK(store::migrate(db, kMigrations));
  return db;
}

}  // namespace retort::logs
