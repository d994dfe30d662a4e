// The SQLite wrapper and the block codec: values, transactions, migrations, foreign and damaged files.
#include <QTemporaryDir>
#include <QTest>
#include <fstream>

#include "base/files.h"
#include "base/random.h"
#include "store/block_codec.h"
#include "store/database.h"

using namespace retort;
using namespace retort::store;

namespace {

constexpr std::uint32_t kApp = 0x54455354;
const Migration kSteps[] = {{1, "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c BLOB) STRICT", false}, {2, "ALTER TABLE t ADD COLUMN d INT", true}};

OpenOptions create() {
  OpenOptions options;
  options.mode = OpenOptions::Mode::create;
  options.applicationId = kApp;
  options.pageSize = 16384;
  return options;
}

}  // namespace

class TstStore : public QObject {
  Q_OBJECT
  QTemporaryDir m_folder;
  std::filesystem::path path(const char* name) const { return std::filesystem::path(m_folder.path().toStdString()) / name; }

 private slots:
  void valuesComeBack() {
    auto db = Database::open(path("values.db"), create());
    QVERIFY(db.ok());
    QVERIFY(migrate(*db, kSteps).ok());
    auto put = db->prepare("INSERT INTO t(b,c,d) VALUES(?,?,?)");
    QVERIFY(put.ok());
    const std::string text("a\0b", 3);
    QVERIFY(put->bindText(1, text).bindBlob(2, std::string("\x00\xff", 2)).bindOptional(3, std::nullopt).run().ok());
    QVERIFY(put->bindText(1, "").bindBlob(2, "").bind(3, std::int64_t(INT64_MIN)).run().ok());
    auto get = db->prepare("SELECT b,c,d FROM t ORDER BY a");
    QVERIFY(*get->step());
    QCOMPARE(std::string(get->text(0)), text);
    QCOMPARE(get->blob(1).size(), std::size_t(2));
    QVERIFY(!get->optionalInteger(2));
    QVERIFY(*get->step());
    QVERIFY(!get->isNull(0));
    QCOMPARE(*get->optionalInteger(2), INT64_MIN);
    QVERIFY(!*get->step());
    QCOMPARE(*db->integer("PRAGMA page_size"), std::optional<std::int64_t>(16384));
    QVERIFY(db->quickCheck().ok());
  }

  void transactionsRollBack() {
    auto db = Database::open(path("roll.db"), create());
    QVERIFY(migrate(*db, kSteps).ok());
    {
      auto transaction = Transaction::begin(*db);
      QVERIFY(transaction.ok());
      QVERIFY(db->exec("INSERT INTO t(b) VALUES('x')").ok());
    }
    QCOMPARE(*db->integer("SELECT count(*) FROM t"), std::optional<std::int64_t>(0));
    auto transaction = Transaction::begin(*db);
    QVERIFY(db->exec("INSERT INTO t(b) VALUES('x')").ok());
    QVERIFY(transaction->commit().ok());
    QCOMPARE(*db->integer("SELECT count(*) FROM t"), std::optional<std::int64_t>(1));
  }

  void dataVersionTellsOthersCommits() {
    auto writer = Database::open(path("version.db"), create());
    QVERIFY(migrate(*writer, kSteps).ok());
    OpenOptions options = create();
    options.mode = OpenOptions::Mode::readOnly;
    auto reader = Database::open(path("version.db"), options);
    QVERIFY(reader.ok());
    const auto before = *reader->dataVersion();
    QVERIFY(writer->exec("INSERT INTO t(b) VALUES('x')").ok());
    QVERIFY(*reader->dataVersion() != before);
    QCOMPARE(reader->exec("INSERT INTO t(b) VALUES('y')").error().code, std::string("store.readonly"));
  }

  void busyIsToldApart() {
    auto a = Database::open(path("busy.db"), create());
    QVERIFY(migrate(*a, kSteps).ok());
    auto options = create();
    options.busyTimeoutMs = 10;
    auto b = Database::open(path("busy.db"), options);
    auto held = Transaction::begin(*a);
    QVERIFY(held.ok());
    QCOMPARE(Transaction::begin(*b).error().code, std::string("store.busy"));
  }

  void migrationsAreForwardOnly() {
    {
      auto db = Database::open(path("old.db"), create());
      QVERIFY(migrate(*db, std::span(kSteps).first(1)).ok());
      QVERIFY(db->exec("INSERT INTO t(b) VALUES('kept')").ok());
    }
    auto db = Database::open(path("old.db"), create());
    QVERIFY(migrate(*db, kSteps).ok());
    QVERIFY(migrate(*db, kSteps).ok());
    QCOMPARE(*db->integer("SELECT count(*) FROM t WHERE b='kept' AND d IS NULL"), std::optional<std::int64_t>(1));
    QVERIFY(std::filesystem::exists(path("old.db.before-2")));   // a destructive step is preceded by a copy
    const auto status = migrate(*db, std::span(kSteps).first(1));
    QCOMPARE(status.error().code, std::string("store.newer"));
  }

  void failingStepLeavesNothing() {
    auto db = Database::open(path("half.db"), create());
    const Migration bad[] = {{1, "CREATE TABLE one(a); CREATE TABLE one(a)", false}};
    QVERIFY(!migrate(*db, bad).ok());
    QCOMPARE(*db->integer("SELECT count(*) FROM sqlite_master"), std::optional<std::int64_t>(0));
    QCOMPARE(*db->integer("PRAGMA user_version"), std::optional<std::int64_t>(0));
  }

  void foreignAndBrokenFilesAreRefused() {
    OpenOptions options = create();
    options.mode = OpenOptions::Mode::readOnly;
    QCOMPARE(Database::open(path("absent.db"), options).error().code, std::string("store.open.missing"));
    QVERIFY(writeFileAtomically(path("text.db"), std::string(40000, 'x')).ok());
    QCOMPARE(Database::open(path("text.db"), options).error().code, std::string("store.open.notdb"));
    {
      auto other = create();
      other.applicationId = 7;
      auto db = Database::open(path("other.db"), other);
      QVERIFY(db->exec("CREATE TABLE x(a)").ok());
    }
    QCOMPARE(Database::open(path("other.db"), options).error().code, std::string("store.open.foreign"));
  }

  void mutatedFilesGiveErrorsAndStayUnchanged() {
    {
      auto db = Database::open(path("good.db"), create());
      QVERIFY(migrate(*db, kSteps).ok());
      for (int i = 0; i < 500; ++i) QVERIFY(db->exec("INSERT INTO t(b) VALUES(hex(randomblob(60)))").ok());
      QVERIFY(db->exec("PRAGMA wal_checkpoint(TRUNCATE)").ok());
    }
    const std::string good = *readFile(path("good.db"));
    Random random(5);
    for (int round = 0; round < 60; ++round) {
      std::string bad = good;
      for (int i = 0; i < 40; ++i) bad[random.below(bad.size())] = static_cast<char>(random.next());
      QVERIFY(writeFileAtomically(path("bad.db"), bad).ok());
      OpenOptions options = create();
      options.mode = OpenOptions::Mode::readOnly;
      {
        auto db = Database::open(path("bad.db"), options);
        if (db.ok()) {
          auto rows = db->prepare("SELECT b FROM t");
          if (rows.ok())
            while (true) {
              auto row = rows->step();
              if (!row.ok()) {
                QVERIFY(!row.error().code.empty());
                break;
              }
              if (!*row) break;
            }
          (void)db->quickCheck();
        } else {
          QVERIFY(db.error().code.starts_with("store."));
        }
      }
      QVERIFY(*readFile(path("bad.db")) == bad);
    }
  }

  void blocksComeBackOrSayWhyNot() {
    Random random(1);
    BlockEncoder encoder;
    for (const std::size_t size : {0u, 1u, 100u, 262'144u}) {
      std::string raw(size, '\0');
      for (auto& c : raw) c = static_cast<char>('a' + random.below(4));
      const auto frame = encoder.encode(raw);
      QVERIFY(frame.ok());
      QCOMPARE(*decodeBlock(*frame, raw.size()), raw);
      QCOMPARE(decodeBlock(*frame, raw.size() + 1).error().code, std::string("store.block.damaged"));
      if (size < 100) continue;
      int caught = 0;
      for (int i = 0; i < 50; ++i) {
        std::string bad = *frame;
        bad[random.below(bad.size())] ^= static_cast<char>(1 + random.below(255));
        const auto result = decodeBlock(bad, raw.size());
        if (!result.ok()) ++caught;
        else QCOMPARE(*result, raw);    // an unused bit: never other bytes
      }
      QVERIFY(caught > 40);
      QVERIFY(!decodeBlock(std::string_view(*frame).substr(0, frame->size() / 2), raw.size()).ok());
    }
  }
};

QTEST_GUILESS_MAIN(TstStore)
#include "tst_store.moc"
