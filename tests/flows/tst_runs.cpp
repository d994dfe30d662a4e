// Runs from runs, by the command line: extended, forked, on nested shares of the rows, mirrored to other trackers; and a run by preferences.
#include "flows/flow_tools.h"

#include "job/job_folder.h"
#include "job/row.h"
#include "job/run_spec.h"

using namespace retort;
using flow::cli;

class TestRuns : public QObject {
  Q_OBJECT
  QTemporaryDir m_dir;
  fs::path m_workspace;
  std::string m_first;
  fs::path at(const std::string& name) const { return fs::path(m_dir.path().toStdString()) / name; }
  std::vector<std::string> in(std::vector<std::string> words) const {
    words.insert(words.begin(), {"-w", m_workspace.string()});
    return words;
  }
  /// Waits for a run and gives its state.
  Json finished(const std::string& id) const {
    cli(in({"run", "wait", id}));
    return flow::cliJson(in({"run", "status", id}));
  }
  static std::vector<job::Event> metrics(const fs::path& run) {
    std::vector<job::Event> out;
    if (const auto events = job::readEvents(run); events.ok())
      for (const auto& e : *events)
        if (e.type == "metric") out.push_back(e);
    return out;
  }

 private Q_SLOTS:
  void initTestCase() {
    m_workspace = at("w");
    QCOMPARE(cli({"init", m_workspace.string()}).exitCode, 0);
    fs::copy(fs::path(std::getenv("RETORT_SOURCE")) / "resources" / "tiny", at("tiny-model"), fs::copy_options::recursive);
    // A dataset folder as the builder leaves it, with preference pairs.
    std::vector<job::Row> rows;
    for (int i = 0; i < 40; ++i) {
      job::Row row;
      row.id = row.group = "r" + std::to_string(i);
      row.messages = Json::array({{{"role", "user"}, {"content", "which way is number " + std::to_string(i)}}});
      row.target = {{"role", "assistant"}, {"content", i % 2 == 0 ? "left" : "right"}};
      row.rejected = {{"role", "assistant"}, {"content", i % 2 == 0 ? "right" : "left"}};
      rows.push_back(row);
    }
    const fs::path dataset = m_workspace / "datasets" / "20260101-000000-abcd";
    QVERIFY(makeFolders(dataset).ok());
    QVERIFY(job::writeRows(dataset / "train.jsonl", rows).ok());
    QVERIFY(job::writeRows(dataset / "validation.jsonl", {rows.begin(), rows.begin() + 8}).ok());
    QVERIFY(job::writeRows(dataset / "test.jsonl", {rows.begin(), rows.begin() + 8}).ok());
    QVERIFY(writeJsonFile(dataset / "card.json", {{"schema", "retort.dataset/1"}, {"name", "ways"}, {"sha256", std::string(64, 'b')}}).ok());
    const auto spec = cli(in({"run", "spec", "--dataset", "ways", "--student", at("tiny-model").string(), "--name", "first", "--set", "methods.0.steps=12", "--set", "train.checkpoint_every=4", "--set", "train.keep_last=10",
                              "--set", "eval.every=6", "--set", "eval.patience=0", "--set", "eval.keep_best=false", "--set", "device=cpu", "--set", "threads=1"}));
    QVERIFY2(spec.exitCode == 0, spec.err.c_str());
    QVERIFY(writeFileAtomically(at("spec.json"), spec.out).ok());
  }

  void firstRunAndItsNumbers() {
    const Json started = flow::cliJson(in({"run", "start", at("spec.json").string()}));
    m_first = started["id"].get<std::string>();
    // A follower that begins before the run does sees it to its end.
    const auto followed = cli(in({"run", "metrics", m_first, "--follow"}));
    QCOMPARE(followed.exitCode, 0);
    QCOMPARE(finished(m_first)["phase"].get<std::string>(), std::string("done"));
    const auto csv = cli(in({"run", "metrics", m_first, "--to", "csv"}));
    QVERIFY(followed.out.starts_with("series,step,seconds,value\n"));
    const auto lines = [](const std::string& text, const std::string& start) {
      int n = 0;
      for (std::size_t i = text.find("\n" + start); i != std::string::npos; i = text.find("\n" + start, i + 1)) ++n;
      return n;
    };
    QCOMPARE(lines(csv.out, "loss,"), 12);
    QCOMPARE(lines(followed.out, "loss,"), 12);
    QCOMPARE(lines(followed.out, "val.nll,"), lines(csv.out, "val.nll,"));
    const auto written = flow::cliJson(in({"run", "metrics", m_first, "--to", "tensorboard", at("tb").string()}));
    QVERIFY(fs::file_size(fs::path(written["path"].get<std::string>())) > 1000);
    QCOMPARE(cli(in({"run", "metrics", m_first, "--to", "wandb"})).exitCode, 2);
  }

  void extended() {
    const Json made = flow::cliJson(in({"run", "extend", m_first, "--steps", "6"}));
    const std::string id = made["id"].get<std::string>();
    const Json state = finished(id);
    QVERIFY2(state["phase"] == "done", state.dump().c_str());
    const fs::path run = m_workspace / "runs" / id;
    const auto own = metrics(run);
    QCOMPARE(own.size(), std::size_t{18});                 // the parent's curve and its own
    for (std::size_t i = 0; i < own.size(); ++i) QCOMPARE(own[i].body["step"].get<int>(), static_cast<int>(i) + 1);
    const auto spec = job::runSpecFromJson(readJsonFile(run / "spec.json").value(), "spec");
    QVERIFY(spec.ok());
    QCOMPARE(spec->parent, m_first);
    QCOMPARE(spec->methods[0].steps, std::int64_t{18});
    // The parent is as it was.
    QCOMPARE(metrics(m_workspace / "runs" / m_first).size(), std::size_t{12});
    QVERIFY(cli(in({"run", "extend", m_first})).exitCode == 2);
  }

  void forked() {
    // The same spec from a checkpoint in the middle ends where the parent ended, to the bit.
    const Json same = flow::cliJson(in({"run", "fork", m_first, "--at", "4", "--name", "same"}));
    QVERIFY2(finished(same["id"].get<std::string>())["phase"] == "done", "fork");
    const auto hash = [&](const std::string& id) { return readFile(m_workspace / "runs" / id / "student" / "model.safetensors").valueOr("none"); };
    QVERIFY(hash(m_first) != "none");
    QVERIFY(hash(same["id"].get<std::string>()) == hash(m_first));
    const Json other = flow::cliJson(in({"run", "fork", m_first, "--at", "8", "--set", "methods.0.learning_rate=0.001"}));
    QVERIFY2(finished(other["id"].get<std::string>())["phase"] == "done", "fork");
    QVERIFY(hash(other["id"].get<std::string>()) != hash(m_first));
    const auto missing = cli(in({"run", "fork", m_first, "--at", "5"}));
    QCOMPARE(missing.exitCode, 1);
    QVERIFY2(missing.err.find("4, 8, 12") != std::string::npos, missing.err.c_str());
    QCOMPARE(cli(in({"run", "fork", m_first, "--set", "seed=9"})).exitCode, 1);
  }

  void preferences() {
    const Json started = flow::cliJson(in({"run", "start", at("spec.json").string(), "--set", "methods.0.kind=dpo", "--set", "name=dpo"}));
    const std::string id = started["id"].get<std::string>();
    const Json state = finished(id);
    QVERIFY2(state["phase"] == "done", state.dump().c_str());
    const auto own = metrics(m_workspace / "runs" / id);
    QCOMPARE(own.size(), std::size_t{12});
    QVERIFY(numberOf(own.back().body["loss"], 9) < numberOf(own.front().body["loss"], 0));
  }

  void learningCurve() {
    const Json started = flow::cliJson(in({"run", "start", at("spec.json").string(), "--curve", "25,50,100", "--set", "methods.0.steps=4", "--set", "name=ways"}));
    QCOMPARE(started["runs"].size(), std::size_t{3});
    for (const auto& id : started["runs"]) QCOMPARE(finished(id.get<std::string>())["phase"].get<std::string>(), std::string("done"));
    const Json curve = flow::cliJson(in({"run", "curve", started["runs"][1].get<std::string>()}));
    QCOMPARE(curve["points"].size(), std::size_t{3});
    int rows = 0;
    for (const auto& p : curve["points"]) {
      QVERIFY(p["rows"].get<int>() > rows);
      rows = p["rows"].get<int>();
      QVERIFY(p["low"].get<double>() < p["nll"].get<double>() && p["nll"].get<double>() < p["high"].get<double>());
    }
    QCOMPARE(rows, 40);
    QVERIFY(curve["gain_of_doubling"].is_object());
    QCOMPARE(cli(in({"run", "curve", m_first})).exitCode, 1);
    QCOMPARE(cli(in({"run", "start", at("spec.json").string(), "--curve", "50,25"})).exitCode, 1);
  }
};

QTEST_GUILESS_MAIN(TestRuns)
#include "tst_runs.moc"
