// Imports that are stopped by force: a full disk of many sizes, SIGKILL at many moments. What is there afterwards is what an undisturbed
// import gives. $RETORT_FAULT_ROUNDS sets how often (20 disks and 200 kills are the deep test).
#include <QTest>
#include <csignal>
#include <fstream>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "base/random.h"
#include "logs/generate.h"
#include "tests/core/logs/log_fixture.h"

class TstImportFaults : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase();
  void diskFull();
  void kills();
  void manySmallFiles();
  void memoryIsBounded();

 private:
  void killsOf(int rounds);
};

using namespace retort;
using namespace retort::logs;
using namespace retort::logs::test;

namespace {

int rounds(int otherwise) {
  bool ok = false;
  const int n = qEnvironmentVariableIntValue("RETORT_FAULT_ROUNDS", &ok);
  return ok && n > 0 ? n : otherwise;
}

Result<ImportSummary> importInto(const fs::path& db, const fs::path& source) {
  ImportOptions options;
  options.sources = {source};
  options.checkSpace = false;
  return importLogs(db, options);
}

std::unique_ptr<Place> g_world;       ///< the source, and its undisturbed import
std::string g_expected;

/// In a child of its own: a disk of `kilobytes`, an import that must fail on it, room, and an import that must succeed.
/// Exit codes: 0 all well; 10 no right to mount; 11 the disk was large enough; others say what was wrong.
int onSmallDisk(const fs::path& disk, const fs::path& source, int kilobytes) {
  if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return 10;
  (void)::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  if (::mount("retort", disk.c_str(), "tmpfs", 0, ("size=" + std::to_string(kilobytes) + "k").c_str()) != 0) return 10;
  const fs::path db = disk / "logs.db";
  const auto first = importInto(db, source);
  if (first.ok()) return 11;
  if (first.error().code != "store.full" && first.error().code != "store.io" && first.error().code != "base.disk.short") {
    std::fprintf(stderr, "%s: %s\n", first.error().code.c_str(), first.error().text().c_str());
    return 12;
  }
  if (first.error().code == "store.full" && first.error().next.find("MB") == std::string::npos) return 13;
  // It opens, or was not begun.
  if (fs::exists(db)) {
    store::OpenOptions open;
    if (auto opened = store::Database::open(db, open); opened.ok() && !opened->quickCheck().ok()) return 14;
  }
  if (::mount("retort", disk.c_str(), "tmpfs", MS_REMOUNT, "size=256m") != 0) return 15;
  const auto second = importInto(db, source);
  if (!second.ok()) {
    std::fprintf(stderr, "%s\n", second.error().text().c_str());
    return 16;
  }
  return dump(db, source.parent_path().parent_path()) == g_expected ? 0 : 17;
}

}  // namespace

void TstImportFaults::initTestCase() {
  g_world = std::make_unique<Place>();
  GenerateOptions options;
  options.records = 3000;
  options.seed = 9;
  options.dirty = 0.01;
  std::filesystem::create_directories(g_world->root / "made");
  std::filesystem::create_directories(g_world->root / "in");
  QVERIFY(generateLogs(g_world->root / "made" / "load.jsonl", options).ok());
  std::filesystem::copy_file(g_world->root / "made" / "load.jsonl", g_world->root / "in" / "load.jsonl");
  QVERIFY(importInto(g_world->db(), g_world->root / "in" / "load.jsonl").ok());
  g_expected = dump(g_world->db(), g_world->root);
  QVERIFY(!g_expected.empty());
}

void TstImportFaults::diskFull() {
  const auto size = static_cast<int>(fs::file_size(g_world->db()) / 1024);
  Random random(7);
  int filled = 0;
  for (int round = 0; round < rounds(6); ++round) {
    const fs::path disk = g_world->root / "disk";
    std::filesystem::create_directories(disk);
    const int kilobytes = 64 + static_cast<int>(random.below(static_cast<std::uint64_t>(size)));
    const pid_t child = ::fork();
    if (child == 0) ::_exit(onSmallDisk(disk, g_world->root / "in" / "load.jsonl", kilobytes));
    int status = 0;
    ::waitpid(child, &status, 0);
    QVERIFY(WIFEXITED(status));
    const int code = WEXITSTATUS(status);
    if (code == 10) QSKIP("no right to mount a small disk");
    if (code == 11) continue;
    QVERIFY2(code == 0, ("with " + std::to_string(kilobytes) + " KiB: " + std::to_string(code)).c_str());
    ++filled;
  }
  QVERIFY(filled > 0);
}

void TstImportFaults::kills() { killsOf(rounds(6)); }

void TstImportFaults::killsOf(int count) {
  Random random(11);
  const fs::path source = g_world->root / "in" / "load.jsonl";
  const auto began = std::chrono::steady_clock::now();
  {
    Place probe;
    QVERIFY(importInto(probe.db(), source).ok());
  }
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began).count();
  int interrupted = 0;
  for (int round = 0; round < count; ++round) {
    const Place place;
    const pid_t child = ::fork();
    if (child == 0) {
      (void)importInto(place.db(), source);
      ::_exit(0);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random.below(static_cast<std::uint64_t>(took) + 1)));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    interrupted += WIFSIGNALED(status);
    const auto s = importInto(place.db(), source);
    QVERIFY2(s.ok(), s.ok() ? "" : s.error().text().c_str());
    QVERIFY(dump(place.db(), g_world->root) == g_expected);
  }
  QVERIFY2(interrupted * 4 >= count, "the machine is too fast for these moments");
}

/// Thousands of files of one record: all in, any number of workers, and a second look costs a stat each.
void TstImportFaults::manySmallFiles() {
  Place place;
  const int count = rounds(0) >= 20 ? 100'000 : 5'000;
  for (int n = 0; n < count; ++n) {
    const fs::path folder = place.root / "in" / std::to_string(n / 1000);
    if (n % 1000 == 0) std::filesystem::create_directories(folder);
    std::ofstream(folder / (std::to_string(n) + ".json")) << line(n) << "\n";
  }
  const auto s = place.import(2);
  QVERIFY2(s.ok(), s.ok() ? "" : s.error().text().c_str());
  QCOMPARE(s->accepted, std::int64_t(count));
  QCOMPARE(s->files, std::int64_t(count));
  const auto again = place.import(2);
  QCOMPARE(again->unchangedFiles, std::int64_t(count));
  QCOMPARE(again->lines, std::int64_t(0));
}

/// A child that imports 200 MB must stay under 400 MB, whatever waits for whom.
void TstImportFaults::memoryIsBounded() {
  Place place;
  std::filesystem::create_directories(place.root / "in");
  GenerateOptions options;
  options.records = rounds(0) >= 20 ? 200'000 : 30'000;
  options.isDesk = false;
  QVERIFY(generateLogs(place.root / "in" / "load.jsonl", options).ok());
  const pid_t child = ::fork();
  if (child == 0) {
    ImportOptions import;
    import.sources = {place.root / "in"};
    import.checkSpace = false;
    import.workers = 8;
    if (!importLogs(place.db(), import).ok()) ::_exit(1);
    std::ifstream status("/proc/self/status");
    for (std::string row; std::getline(status, row);)
      if (row.starts_with("VmHWM:")) ::_exit(std::stol(row.substr(6)) < 400 * 1024 ? 0 : 2);
    ::_exit(3);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  QVERIFY(WIFEXITED(status));
  QCOMPARE(WEXITSTATUS(status), 0);
}

QTEST_GUILESS_MAIN(TstImportFaults)
#include "tst_import_faults.moc"
