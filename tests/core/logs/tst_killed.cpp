// kill -9 at random moments of imports and of deriving fields: going on gives the same store. RETORT_FAULT_KILLS=200 for the long run.
#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "logs/derive.h"
#include "logs/generate.h"
#include "tests/core/logs/log_fixture.h"

using namespace retort;
using namespace retort::logs;
using namespace retort::logs::test;

namespace {

int killsWanted() { return std::max(1, qEnvironmentVariable("RETORT_FAULT_KILLS", "12").toInt()); }

/// Runs `work` in a child and kills it after `micros`, or lets it end; true when it ended by itself with success.
template <typename F>
bool runAndKill(std::uint64_t micros, F&& work) {
  const pid_t child = fork();
  if (child == 0) _exit(work() ? 0 : 1);
  usleep(static_cast<useconds_t>(micros));
  ::kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// The derived fields of every record, by filters on them.
std::string derivedDump(const fs::path& db) {
  const auto store = LogStore::open(db);
  if (!store.ok()) return store.error().text();
  std::string out;
  const auto facets = (*store)->facets({}, {"@family", "@system", "@caller", "@language", "@repeat", "@params"}, 100'000);
  if (!facets.ok()) return facets.error().text();
  for (const auto& facet : *facets)
    for (const auto& value : facet.values) out += facet.key + "=" + value.value + ":" + std::to_string(value.count) + "\n";
  for (int step = 1; step < 5; ++step) out += std::to_string(*(*store)->count(*parseFilter("@step = " + std::to_string(step)))) + "\n";
  return out;
}

}  // namespace

class TstKilled : public QObject {
  Q_OBJECT

 private slots:
  void killedImportsAndPassesGoOn() {
    GenerateOptions options;
    options.records = 4000;
    options.seed = 11;
    options.isTree = true;
    Place whole;
    QVERIFY(generateLogs(whole.root / "in", options).ok());
    QVERIFY(whole.import(2).ok());
    providers::PriceTable prices;
    QVERIFY(deriveFields(whole.root, prices).ok());
    const std::string wantDump = dump(whole.db(), whole.root), wantDerived = derivedDump(whole.db());
    Random random(5);
    int kills = 0, rounds = 0;
    while (kills < killsWanted() && rounds < killsWanted() * 4) {
      ++rounds;
      Place place;
      fs::copy(whole.root / "in", place.root / "in", fs::copy_options::recursive);
      // Files keep their times: an import knows unchanged ones by them.
      for (int attempt = 0; attempt < 50; ++attempt) {
        if (runAndKill(2'000 + random.below(300'000), [&] { return place.import(2).ok(); })) break;
        ++kills;
      }
      QVERIFY(place.import(2).ok());
      for (int attempt = 0; attempt < 3; ++attempt) {
        if (runAndKill(1'000 + random.below(60'000), [&] { return deriveFields(place.root, prices).ok(); })) break;
        ++kills;
      }
      QVERIFY(deriveFields(place.root, prices).ok());
      auto db = store::Database::open(place.db(), {});
      QVERIFY(db.ok() && db->quickCheck().ok());
      QVERIFY2(dump(place.db(), place.root) == wantDump, "the store differs after kills");
      QCOMPARE(derivedDump(place.db()), wantDerived);
    }
    QVERIFY2(kills >= killsWanted(), std::to_string(kills).c_str());
  }
};

QTEST_GUILESS_MAIN(TstKilled)
#include "tst_killed.moc"
