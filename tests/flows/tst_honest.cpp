// The task is honest: labels outside the golden file and the evaluation never reach the student. Shuffling them changes no weight.
#include "flows/flow_tools.h"

#include <fstream>

#include "base/format.h"
#include "base/hash.h"
#include "base/random.h"

using namespace retort;

class TestHonest : public QObject {
  Q_OBJECT
  QTemporaryDir m_dir;

  /// The student's weights after the fast line on `references`.
  std::string studentHash(const fs::path& root, const std::string& name, const fs::path& references) {
    int code = -1;
    const Json summary = flow::cliJson({"-w", (root / name).string(), "demo", "--fast", "--logs", (root / "logs").string(), "--golden", (root / "logs.golden.jsonl").string(), "--references", references.string()}, &code);
    if (code != 0 || !summary.is_object()) return "failed";
    for (const auto& e : summary["exports"])
      if (e["format"] == "hf") return sha256File(fs::path(e["path"].get<std::string>()) / "model.safetensors").valueOr("unreadable");
    return "none";
  }

 private Q_SLOTS:
  void shuffledLabelsChangeNoWeight() {
    const fs::path root = m_dir.path().toStdString();
    QCOMPARE(flow::cli({"logs", "generate", (root / "logs").string(), "--records", "2400", "--golden", "600", "--seed", "9"}).exitCode, 0);
    std::vector<Json> rows;
    std::vector<std::string> labels;
    const std::string text = readFile(root / "logs.gold.jsonl").value();
    for (const auto line : splitView(text, '\n')) {
      if (line.empty()) continue;
      rows.push_back(parseJson(line, "gold").value());
      labels.push_back(rows.back()["label"]);
    }
    QVERIFY(rows.size() > 2000);
    Random(1).shuffle(labels);
    std::ofstream shuffled(root / "shuffled.jsonl");
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i]["label"] = labels[i];
      shuffled << dumpJson(rows[i]) << "\n";
    }
    shuffled.close();
    const auto honest = studentHash(root, "a", root / "logs.gold.jsonl"), blind = studentHash(root, "b", root / "shuffled.jsonl");
    QCOMPARE(honest.size(), std::size_t{64});
    QCOMPARE(blind, honest);
  }
};

QTEST_GUILESS_MAIN(TestHonest)
#include "tst_honest.moc"
