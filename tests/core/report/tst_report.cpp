// Reports: verdicts and alarms from rows, JSON there and back, a page that is whole, escaped and without script.
#include <QtTest>

#include <cmath>
#include <filesystem>

#include "base/files.h"
#include "report/compare.h"
#include "report/report.h"

using namespace retort;
using namespace retort::report;

namespace {

data::EvalPlan plan() {
  data::EvalPlan p;
  p.task = "classify";
  p.extractor = "label";
  p.primary = "accuracy";
  p.labels = {"no", "yes"};
  return p;
}

// Rows where each model is right or wrong as the letters of a pattern say (teacher, base, student), `count` times each.
struct Sample {
  Report report;
  std::vector<RowAnswer> rows;
  std::vector<int> clusters;

  Sample(const std::vector<std::pair<const char*, int>>& patterns, const char* source = "annotation") {
    for (const char* role : {"teacher", "base", "student"}) {
      ModelScore m;
      m.name = role + std::string(" <m>&\"'");
      m.role = role;
      report.models.push_back(m);
    }
    report.source = source;
    report.part = "test";
    for (const auto& [pattern, count] : patterns) {
      for (int i = 0; i < count; ++i) {
        RowAnswer row{"r" + std::to_string(rows.size()), "prompt </td><script>alert(1)</script>", "yes", {}, {}};
        for (std::size_t m = 0; m < 3; ++m) {
          row.right.push_back(pattern[m] == '1');
          row.answers.push_back(pattern[m] == '1' ? "yes" : pattern[m] == 'x' ? "?" : "no");
          report.models[m].right += pattern[m] == '1';
          report.models[m].valid += pattern[m] != 'x';
        }
        clusters.push_back(static_cast<int>(rows.size()));
        rows.push_back(std::move(row));
      }
    }
    report.rows = static_cast<std::int64_t>(rows.size());
    for (auto& m : report.models) {
      m.accuracy = static_cast<double>(m.right) / static_cast<double>(report.rows);
      m.interval = metrics::wilson(m.right, report.rows);
    }
    compareModels(report, plan(), rows, clusters);
  }
};

}  // namespace

class TestReport : public QObject {
  Q_OBJECT

 private slots:
  void asGood() {
    const Sample s({{"101", 600}, {"111", 300}, {"000", 80}, {"001", 10}, {"100", 10}});
    QVERIFY(s.report.verdict.has_value());
    QCOMPARE(s.report.verdict->decision, std::string("as-good"));
    QCOMPARE(s.report.verdict->sentence, std::string("As good as the teacher (within 2 %)."));
    QVERIFY(s.report.verdict->bound > 0 && s.report.verdict->bound < s.report.verdict->mean);
    QCOMPARE(s.report.differences.size(), std::size_t(2));
    QCOMPARE(s.report.differences[0].counts.b, std::int64_t(10));
    QCOMPARE(s.report.differences[0].counts.c, std::int64_t(10));
    QCOMPARE(s.report.differences[0].both + s.report.differences[0].neither + 20, std::int64_t(1000));
    QVERIFY(s.report.gapRecovered && std::abs(*s.report.gapRecovered - 1.0) < 1e-12);
    QVERIFY(s.report.alarms.empty());
    QVERIFY(!s.report.baseVerdict);
    QCOMPARE(*s.report.models[2].agreement, 0.98);
  }

  void worse() {
    const Sample s({{"110", 200}, {"111", 700}, {"000", 100}});
    QCOMPARE(s.report.verdict->decision, std::string("worse"));
    QCOMPARE(s.report.alarms.size(), std::size_t(1));   // worse than the base too
    QVERIFY(s.report.alarms[0].find("20.0 points") != std::string::npos);
    QVERIFY(s.report.baseVerdict.has_value());
    QCOMPARE(s.report.baseVerdict->sentence, std::string("Use the base model."));
    QVERIFY(!s.report.gapRecovered);   // there is no gap to recover
  }

  void undecidedAndForm() {
    const Sample s({{"111", 45}, {"110", 1}, {"11x", 2}, {"001", 2}});
    QCOMPARE(s.report.verdict->decision, std::string("undecided"));
    QVERIFY(s.report.verdict->rowsNeeded > 0);
    QCOMPARE(s.report.verdict->method, std::string("bca"));
    QVERIFY(std::any_of(s.report.alarms.begin(), s.report.alarms.end(), [](const std::string& a) { return a.starts_with("Fewer answers in the expected form"); }));
  }

  void onlyTheTeacherAsReference() {
    const Sample s({{"111", 80}, {"100", 20}}, "teacher");
    QCOMPARE(s.report.verdict->sentence, std::string("Agrees with the teacher on 80.0 %; no reference says more."));
    QCOMPARE(s.report.verdict->decision, std::string("agreement"));
  }

  void jsonThereAndBack() {
    Sample s({{"111", 100}, {"001", 30}, {"100", 20}, {"000", 10}});
    s.report.id = "20260301-120000-abcd";
    s.report.models[2].latency = Latency{1, 2, 3, 4, 5, 64, "batch 1"};
    s.report.models[2].bytes = 123;
    s.report.models[0].logged = true;
    s.report.models[2].classes = {{"yes", 130, 120, 110, 0.9, 0.8, 0.85}};
    s.report.opening = 3;
    s.report.unreferenced = 7;
    const Json json = toJson(s.report);
    QCOMPARE(json["schema"].get<std::string>(), std::string("retort.report/1"));
    QVERIFY(json["models"][0]["bytes"].is_null());
    QCOMPARE(json["models"][2]["latency"]["request_ms"]["p50"].get<double>(), 3.0);
    const auto back = reportFromJson(Json::parse(dumpJson(json)), "report.json");
    QVERIFY2(back.ok(), back.ok() ? "" : back.error().text().c_str());
    QCOMPARE(dumpJson(toJson(*back)), dumpJson(json));
  }

  void pageIsWholeAndSafe() {
    Sample s({{"111", 100}, {"001", 30}, {"110", 20}, {"000", 10}});
    for (auto& m : s.report.models) m.latency = Latency{1, 2, 30, 40, 50, 64, "batch 1, greedy"};
    s.report.models[2].classes = {{"<label>", 130, 120, 110, 0.9, 0.8, 0.85}};
    const std::string html = toHtml(s.report, s.rows);
    QVERIFY(html.find("<script") == std::string::npos);
    QVERIFY(html.find("&lt;script&gt;") != std::string::npos);
    QVERIFY(html.find("<m>") == std::string::npos && html.find("<label>") == std::string::npos);
    QVERIFY(html.find("default-src 'none'; style-src 'unsafe-inline'; img-src data:") != std::string::npos);
    QVERIFY(html.find("prefers-color-scheme:dark") != std::string::npos);
    for (const char* forbidden : {"http://", "https://", "<img", "<link", "@import", "url("}) QVERIFY2(html.find(forbidden) == std::string::npos, forbidden);
    // Everything opened is closed.
    for (const char* tag : {"svg", "table", "tr", "p", "h2", "tbody"}) {
      const auto count = [&](const std::string& what) {
        std::size_t n = 0;
        for (auto at = html.find(what); at != std::string::npos; at = html.find(what, at + 1)) ++n;
        return n;
      };
      const std::string t = tag;
      QCOMPARE(count("<" + t + ">") + count("<" + t + " "), count("</" + t + ">"));
    }
    QCOMPARE(html.find("nan"), std::string::npos);
  }

  void storedReportsAreFound() {
    QTemporaryDir dir;
    const auto workspace = Workspace::create(fs::path(dir.path().toStdString()) / "w");
    QVERIFY(workspace.ok());
    QVERIFY(listReports(*workspace).empty());
    Sample s({{"111", 3}, {"001", 1}});
    s.report.id = "20260301-120000-abcd";
    const fs::path folder = workspace->reports() / s.report.id;
    QVERIFY(makeFolders(folder).ok());
    QVERIFY(writeJsonFile(folder / "report.json", toJson(s.report)).ok());
    QVERIFY(writeFileAtomically(folder / "rows.jsonl", dumpJson({{"id", "r"}, {"prompt", "p"}, {"reference", "yes"}, {"answers", {"yes", "no", "yes"}}, {"right", {true, false, true}}}) + "\n").ok());
    QCOMPARE(listReports(*workspace), (std::vector<std::string>{s.report.id}));
    QVERIFY(loadReport(*workspace, "20260301").ok());
    const auto rows = loadRows(*workspace, s.report.id);
    QVERIFY(rows.ok());
    QCOMPARE((*rows)[0].answers.size(), std::size_t(3));
    const auto missing = loadReport(*workspace, "nope");
    QVERIFY(!missing.ok());
    QCOMPARE(missing.error().code, std::string("base.id.unknown"));
  }
};

QTEST_APPLESS_MAIN(TestReport)
#include "tst_report.moc"
