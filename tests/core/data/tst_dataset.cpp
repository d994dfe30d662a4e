// Datasets: rows from files and from imported logs, one teacher, golden and references apart, honesty, fingerprints, plans, exports.
#include <QTemporaryDir>
#include <QTest>

#include <map>
#include <set>

#include "base/files.h"
#include "base/format.h"
#include "base/random.h"
#include "data/dataset.h"
#include "data/dataset_build.h"
#include "data/groups.h"
#include "data/selection.h"
#include "job/row.h"
#include "logs/generate.h"
#include "store/people_db.h"
#include "logs/importer.h"

using namespace retort;
using namespace retort::data;

namespace {

const char* const kClaude = "anthropic.claude-3-5-haiku-20241022-v1:0";

std::string fileText(const Dataset& d, std::string_view name) { return readFile(d.folder / std::string(name)).value(); }

std::vector<job::Row> rowsOf(const fs::path& file) { return job::readAllRows(file).value(); }

std::vector<std::string> textLines(const fs::path& file) {
  std::vector<std::string> out;
  const std::string text = readFile(file).value();
  for (const auto line : splitView(text, '\n')) out.emplace_back(line);
  return out;
}

Dataset must(Result<Dataset> result) {
  if (!result.ok()) qFatal("%s", result.error().text().c_str());
  return std::move(result).value();
}

}  // namespace

class TestDataset : public QObject {
  Q_OBJECT
  QTemporaryDir m_dir;
  fs::path folder() const { return m_dir.path().toStdString(); }
  std::optional<Workspace> m_workspace;
  logs::GenerateResult m_sample;

  BuildOptions sampleOptions() const {
    BuildOptions options;
    options.name = "desk";
    options.teacher = kClaude;
    options.golden = m_sample.goldenFile;
    options.references = m_sample.goldFile;
    options.split = "60/20/20";
    options.system = "none";
    return options;
  }

 private Q_SLOTS:
  void initTestCase() {
    m_workspace = Workspace::create(folder() / "ws", "test").value();
    logs::GenerateOptions generate;
    generate.records = 1200;
    generate.seed = 5;
    generate.isTree = true;
    generate.golden = 200;
    m_sample = logs::generateLogs(folder() / "logs", generate).value();
    logs::ImportOptions import;
    import.sources = {folder() / "logs"};
    import.checkSpace = false;
    const auto summary = logs::importLogs(m_workspace->logsDb(), import);
    QVERIFY2(summary.ok(), summary.ok() ? "" : summary.error().text().c_str());
    QCOMPARE(summary->accepted, 1200);
  }

  void refusesToMixModels() {
    BuildOptions options;
    options.name = "mixed";
    const auto result = buildDataset(*m_workspace, options);
    QVERIFY(!result.ok());
    QCOMPARE(result.error().code, std::string("data.build.teacher"));
    for (const char* model : {kClaude, "meta.llama3-1-8b-instruct-v1:0", "amazon.nova-lite-v1:0"}) QVERIFY2(result.error().why.find(model) != std::string::npos, result.error().why.c_str());
    options.teacher = "amazon.titan-text-express-v1";
    QCOMPARE(buildDataset(*m_workspace, options).error().code, std::string("data.build.teacher.absent"));
    QVERIFY(listDatasets(*m_workspace).empty());                       // nothing half-made is left
  }

  /// Examples kept in retort.db stand in golden.jsonl once each, hold what is like them in training, and can be left out.
  void keptGoldenExamplesAreUsed() {
    auto options = sampleOptions();
    options.golden.clear();
    const auto plain = must(buildDataset(*m_workspace, options));
    QCOMPARE(plain.golden, 0);
    std::string testPrompt;
    for (const auto& row : rowsOf(plain.folder / "test.jsonl")) testPrompt = dumpJson(row.messages);
    {
      auto people = store::PeopleDb::open(m_workspace->retortDb()).value();
      const std::string row = "{\"messages\":" + testPrompt + ",\"answer\":{\"role\":\"assistant\",\"content\":\"Refunds\"}}";
      QVERIFY(people.addGolden({0, std::string(16, 'k'), row, "record", {}}).ok());
      QVERIFY(people.addGolden({0, {}, "{\"messages\":[{\"role\":\"user\",\"content\":\"Where is my parcel?\"}],\"answer\":{\"role\":\"assistant\",\"content\":\"Delivery\"}}", "f.jsonl", {}}).ok());
    }
    const auto kept = must(buildDataset(*m_workspace, options));
    QCOMPARE(kept.golden, 2);
    const auto golden = rowsOf(kept.folder / "golden.jsonl");
    QCOMPARE(golden[0].source["request"].get<std::string>(), std::string("6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b"));
    QCOMPARE(job::contentText(golden[0].target), std::string("Refunds"));
    QCOMPARE(golden[1].source["file"].get<std::string>(), std::string("f.jsonl"));
    for (const char* part : {"validation.jsonl", "test.jsonl"})
      for (const auto& row : rowsOf(kept.folder / part)) QVERIFY(dumpJson(row.messages) != testPrompt);
    options.keptGolden = false;
    const auto without = must(buildDataset(*m_workspace, options));
    QCOMPARE(without.golden, 0);
    QCOMPARE(fileText(without, "train.jsonl"), fileText(plain, "train.jsonl"));
    auto people = store::PeopleDb::open(m_workspace->retortDb()).value();
    const auto examples = people.goldenExamples().value();
    for (const auto& example : examples) QVERIFY(people.removeGolden(example.id).value());
  }

  void buildsFromLogs() {
    const auto d = must(buildDataset(*m_workspace, sampleOptions()));
    QCOMPARE(d.teacher, std::string(kClaude));
    QVERIFY(d.train > 200 && d.validation > 50 && d.test > 50);
    QCOMPARE(d.golden, 200);
    QCOMPARE(d.references, d.validation + d.test);
    QCOMPARE(d.card["offered"].size(), std::size_t{2});
    QVERIFY(verifyDataset(d).ok());
    std::map<std::string, std::string> gold, partOfGroup;
    for (const auto& line : textLines(m_sample.goldFile))
      if (!line.empty()) {
        const auto json = parseJson(line, "gold").value();
        gold[json["request_id"]] = json["label"];
      }
    std::set<std::string> goldenPrompts, ids;
    for (const auto& row : rowsOf(d.folder / "golden.jsonl")) {
      goldenPrompts.insert(promptKey(row.messages));
      QVERIFY(row.golden);
      QCOMPARE(row.teacher, std::string("gold"));
      QCOMPARE(row.target["content"].get<std::string>(), gold[row.source["request"]]);
    }
    int wrong = 0;
    for (const char* part : {"train.jsonl", "validation.jsonl", "test.jsonl"})
      for (const auto& row : rowsOf(d.folder / part)) {
        QVERIFY(ids.insert(row.id).second);
        QVERIFY(!row.golden);
        QCOMPARE(row.teacher, std::string(kClaude));
        QCOMPARE(row.messages.size(), std::size_t{1});                 // --system none
        QCOMPARE(row.source["request"].get<std::string>(), row.id);
        wrong += row.target["content"] != gold[row.id];
        if (std::string_view(part) != "train.jsonl") QVERIFY(!goldenPrompts.contains(promptKey(row.messages)));
        const auto [it, isNew] = partOfGroup.emplace(row.group, part);
        QVERIFY2(isNew || it->second == part, "a group crosses the split");
      }
    QVERIFY(wrong > 0);                                                // the teacher's own answers, mistakes and all
    const auto plan = loadPlan(d).value();
    QCOMPARE(plan.task, std::string("classify"));
    QCOMPARE(plan.labels.size(), std::size_t{21});
    QCOMPARE(plan.reference, std::string("annotation"));
    QCOMPARE(d.card["plan_sha256"].get<std::string>(), planHash(plan));
    QVERIFY(agrees(plan, " Parking Permit.", "parking permit"));
    QVERIFY(!agrees(plan, "The request is about: parking permit", "parking permit"));
    QVERIFY(!agrees(plan, "something else", "something else"));
    const auto selection = loadSelection(*m_workspace, d.card["source"]["selection"].get<std::string>());
    QVERIFY(selection.ok());
    QCOMPARE(selection->count, 1200);
    QCOMPARE(selectionKeys(*m_workspace, *selection)->size(), std::size_t{1200});
  }

  /// Records that were pulled out of a store in place: the card says by which query.
  void pulledRecordsNameTheirQuery() {
    const auto workspace = Workspace::create(folder() / "pulled", "test").value();
    logs::GenerateOptions generate;
    generate.records = 200;
    generate.seed = 6;
    QVERIFY(logs::generateLogs(folder() / "pulled.jsonl", generate).ok());
    QVERIFY(makeFolders(workspace.root() / "queries").ok());
    QVERIFY(writeJsonFile(workspace.root() / "queries" / "0123456789ab.json", {{"schema", "retort.query/1"}, {"source", "duckdb:logs"}, {"filter", "env = \"prod\""}, {"sha256", "abcd"}}).ok());
    logs::ImportOptions import;
    import.checkSpace = false;
    import.fetched = {{folder() / "pulled.jsonl", folder(), static_cast<std::int64_t>(fs::file_size(folder() / "pulled.jsonl")), 0, 0, "duckdb:logs#0123456789ab"}};
    QVERIFY(logs::importLogs(workspace.logsDb(), import).ok());
    BuildOptions options;
    options.name = "pulled";
    options.teacher = kClaude;
    options.use = "responses";
    const auto d = must(buildDataset(workspace, options));
    const Json card = readJsonFile(d.folder / "card.json").value();
    const Json query = card["source"]["queries"].at(0);
    QCOMPARE(query["id"].get<std::string>(), std::string("0123456789ab"));
    QCOMPARE(query["sha256"].get<std::string>(), std::string("abcd"));
    QCOMPARE(query["records"].get<std::int64_t>(), card["source"]["matched"].get<std::int64_t>());
    QVERIFY(!readJsonFile(must(buildDataset(*m_workspace, sampleOptions())).folder / "card.json")->at("source").contains("queries"));
  }

  void isDeterministic() {
    const auto a = must(buildDataset(*m_workspace, sampleOptions())), b = must(buildDataset(*m_workspace, sampleOptions()));
    QVERIFY(a.id != b.id);
    QCOMPARE(a.sha256, b.sha256);
    auto other = sampleOptions();
    other.seed = 2;
    QVERIFY(must(buildDataset(*m_workspace, other)).sha256 != a.sha256);
    QCOMPARE(loadDataset(*m_workspace, "desk")->id, listDatasets(*m_workspace).back().id);   // a name is its newest
  }

  /// Gold labels reach golden.jsonl and references.jsonl only: shuffled labels leave what the student sees as it is.
  void shuffledLabelsChangeNothingThatTrains() {
    std::vector<std::string> ids, labels;
    for (const auto& line : textLines(m_sample.goldFile))
      if (!line.empty()) {
        const auto json = parseJson(line, "gold").value();
        ids.push_back(json["request_id"]);
        labels.push_back(json["label"]);
      }
    Random random(1);
    random.shuffle(labels);
    std::string text;
    for (std::size_t i = 0; i < ids.size(); ++i) text += dumpJson({{"request_id", ids[i]}, {"label", labels[i]}}) + "\n";
    QVERIFY(writeFileAtomically(folder() / "shuffled.jsonl", text).ok());
    auto options = sampleOptions();
    const auto honest = must(buildDataset(*m_workspace, options));
    options.references = folder() / "shuffled.jsonl";
    const auto shuffled = must(buildDataset(*m_workspace, options));
    for (const char* file : {"train.jsonl", "validation.jsonl", "test.jsonl", "golden.jsonl"}) QCOMPARE(fileText(honest, file), fileText(shuffled, file));
    QVERIFY(fileText(honest, "references.jsonl") != fileText(shuffled, "references.jsonl"));
    QCOMPARE(planHash(*loadPlan(honest)), planHash(*loadPlan(shuffled)));
    options.references.clear();
    const auto none = must(buildDataset(*m_workspace, options));
    QCOMPARE(fileText(honest, "train.jsonl"), fileText(none, "train.jsonl"));
    QCOMPARE(loadPlan(none)->reference, std::string("teacher"));
  }

  void promptsAreAskedOnce() {
    auto options = sampleOptions();
    options.use = "prompts";
    options.teacher = "local-teacher";
    const auto d = must(buildDataset(*m_workspace, options));
    QVERIFY(d.train + d.validation + d.test > 1050);
    QVERIFY(d.card["left_out"]["the same prompt came before"].get<int>() > 10);   // shadow calls
    std::set<std::string> prompts;
    for (const auto& row : rowsOf(d.folder / "train.jsonl")) {
      QVERIFY(row.target.is_null());
      QVERIFY(prompts.insert(promptKey(row.messages)).second);
    }
  }

  void splitsByTime() {
    auto options = sampleOptions();
    options.split = "time:2026-03-02T18:00:00Z,2026-03-02T22:00:00Z";
    const auto d = must(buildDataset(*m_workspace, options));
    QVERIFY(d.train > 0 && d.validation > 0 && d.test > 0);
    options.filter = "env = \"nothing\"";
    QCOMPARE(buildDataset(*m_workspace, options).error().code, std::string("data.build.teacher.absent"));
    options.filter = "env = ";
    QVERIFY(buildDataset(*m_workspace, options).error().code.starts_with("filter."));
  }

  void buildsFromAFileOfRows() {
    std::string text;
    for (int i = 0; i < 50; ++i)
      text += dumpJson({{"id", "r" + std::to_string(i)}, {"messages", Json::array({Json{{"role", "user"}, {"content", "question number " + std::to_string(i * i * 7919) + " of the list"}},
                                                                                  Json{{"role", "assistant"}, {"content", i % 2 ? "yes" : "no"}}})}}) + "\n";
    QVERIFY(writeFileAtomically(folder() / "rows.jsonl", text).ok());
    BuildOptions options;
    options.name = "rows";
    options.rows = folder() / "rows.jsonl";
    const auto d = must(buildDataset(*m_workspace, options));
    QCOMPARE(d.train + d.validation + d.test, 50);
    QVERIFY((loadPlan(d)->labels == std::vector<std::string>{"no", "yes"}));
    QVERIFY(writeFileAtomically(folder() / "rows.jsonl", text + text).ok());
    QCOMPARE(buildDataset(*m_workspace, options).error().code, std::string("data.build.id"));
  }

  void planIsFixedAndCopied() {
    const auto d = loadDataset(*m_workspace, "desk").value();
    auto plan = loadPlan(d).value();
    QVERIFY(setPlanField(plan, "margin=0.03").ok());
    QVERIFY(!setPlanField(plan, "margn=0.03").ok());
    QVERIFY(!setPlanField(plan, "margin=2").ok());
    QVERIFY(!setPlanField(plan, "task=dance").ok());
    const auto next = must(withPlan(*m_workspace, d, plan));
    QCOMPARE(next.sha256, d.sha256);
    QCOMPARE(next.card["parent"].get<std::string>(), d.id);
    QVERIFY(next.card["plan_sha256"] != d.card["plan_sha256"]);
    QCOMPARE(fs::hard_link_count(next.folder / "train.jsonl"), std::uintmax_t{2});
    QCOMPARE(loadPlan(next)->margin, 0.03);
    QVERIFY(verifyDataset(next).ok());
  }

  void changedFilesAreNoticed() {
    auto options = sampleOptions();
    options.name = "changed";
    const auto d = must(buildDataset(*m_workspace, options));
    QVERIFY(writeFileAtomically(d.folder / "test.jsonl", fileText(d, "test.jsonl") + " ").ok());
    const auto verdict = verifyDataset(d);
    QVERIFY(!verdict.ok());
    QVERIFY(verdict.error().where.find("test.jsonl") != std::string::npos);
  }

  void validatesFiles() {
    QVERIFY(writeFileAtomically(folder() / "bad.jsonl",
                                "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"}]}\n"
                                "{\"messages\":[]}\n"
                                "not json\n"
                                "\n"
                                "{\"messages\":[{\"role\":\"robot\",\"content\":\"a\"}]}\n"
                                "{\"messages\":[{\"role\":\"user\",\"content\":\"c\"}]}\n"
                                "{\"prompt\":\"x\"}\n").ok());
    const auto report = validateRows(folder() / "bad.jsonl").value();
    QCOMPARE(report.rows, 2);
    QCOMPARE(report.withAnswer, 1);
    QCOMPARE(report.bad, 4);
    QVERIFY(report.problems[0].starts_with("line 2:") && report.problems[1].starts_with("line 3:") && report.problems[2].starts_with("line 5:"));
    QVERIFY(!validateRows(folder() / "absent.jsonl").ok());
  }

  void exportsForOthers() {
    auto options = sampleOptions();
    options.name = "to export";
    const auto d = must(buildDataset(*m_workspace, options));
    for (const char* format : {"bedrock", "openai", "jsonl"}) {
      const fs::path out = folder() / format;
      const auto files = exportDataset(d, format, out);
      QVERIFY2(files.ok(), format);
      QCOMPARE(files->size(), std::size_t{3});
      const auto report = validateRows(out / "train.jsonl").value();
      QCOMPARE(report.rows, d.train);
      QCOMPARE(report.withAnswer, d.train);
      QCOMPARE(report.bad, 0);
      QCOMPARE(report.format, std::string(std::string_view(format) == "bedrock" ? "bedrock" : std::string_view(format) == "openai" ? "messages" : "retort.row/1"));
    }
    QVERIFY(!exportDataset(d, "xml", folder() / "xml").ok());
    QVERIFY(!exportDataset(d, "jsonl", folder() / "jsonl").ok());      // never replaces
  }

  void proposesPlans() {
    std::vector<std::string> answers;
    for (int i = 0; i < 300; ++i) answers.push_back("A long answer that is different each time: " + std::to_string(i));
    QCOMPARE(proposePlan(answers, false).task, std::string("chat"));
    answers.clear();
    for (int i = 0; i < 300; ++i) answers.push_back("{\"total\": " + std::to_string(i) + "}");
    const auto plan = proposePlan(answers, true);
    QCOMPARE(plan.task, std::string("extract"));
    QVERIFY(agrees(plan, "Here: {\"b\":1, \"a\":2}", "{\"a\":2,\"b\":1}"));
    QVERIFY(!agrees(plan, "none", "none"));
    QVERIFY(!planFromJson(Json::parse(R"({"schema":"retort.eval/1","task":"chat","reference":"none","extractor":"text","primary":"exact","colour":1})"), "plan.json").ok());
  }
};

QTEST_GUILESS_MAIN(TestDataset)
#include "tst_dataset.moc"
