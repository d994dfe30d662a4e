// Every public template and a set of language samples, byte for byte as Jinja2 renders them with transformers' settings.
#include <QtTest>

#include <cstdlib>
#include <filesystem>

#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/subprocess.h"
#include "text/chat_template.h"
#ifndef Q_MOC_RUN   // moc cannot read its raw strings
#include "core/text/jinja_samples.h"
#endif

using namespace retort;
using namespace retort::text;
using namespace retort::samples;

namespace {
constexpr const char* kClock = "2026-03-01T12:34:56";

fs::path source() {
  const char* root = std::getenv("RETORT_SOURCE");
  return root ? fs::path(root) : fs::current_path();
}
fs::path testData() {
  const char* data = std::getenv("RETORT_TEST_DATA");
  return data ? fs::path(data) : source() / ".." / "shared" / "data";
}

struct Case {
  std::string name, templateText;
  Json variables;
};

// Renders the cases with both; returns a list of differences.
std::string compare(const std::vector<Case>& cases) {
  const fs::path python = source() / ".deps/python/bin/python";
  std::string input;
  for (const Case& c : cases) input += dumpJson({{"template", c.templateText}, {"variables", c.variables}, {"clock", kClock}}) + "\n";
  Command command;
  command.program = python;
  command.args = {(source() / "tests/core/text/jinja_oracle.py").string()};
  command.env = {{"PYTHONHASHSEED", "0"}};
  const auto run = runCommand(command, input);
  if (!run.ok()) return run.error().text();
  if (run->exitCode != 0) return run->err;
  std::string differences;
  std::size_t at = 0;
  for (const Case& c : cases) {
    const std::size_t end = run->out.find('\n', at);
    if (end == std::string::npos) return "the oracle ended early";
    const Json expected = Json::parse(run->out.substr(at, end - at));
    at = end + 1;
    std::string ours, error;
    auto parsedTemplate = ChatTemplate::parse(c.templateText, c.name);
    if (parsedTemplate.ok()) {
      TemplateInput in;
      in.variables = c.variables;
      in.clockMicros = parseIsoTime(kClock);
      auto rendered = (*parsedTemplate)->render(in);
      if (rendered.ok()) ours = rendered->text;
      else error = rendered.error().text();
    } else {
      error = parsedTemplate.error().text();
    }
    if (expected.contains("error") != !error.empty()) {
      differences += c.name + "\n  theirs: " + dumpJson(expected) + "\n  ours:   " + (error.empty() ? ours : error) + "\n";
    } else if (error.empty() && expected["text"].get<std::string>() != ours) {
      const std::string theirs = expected["text"];
      std::size_t first = 0;
      while (first < std::min(ours.size(), theirs.size()) && ours[first] == theirs[first]) ++first;
      const std::size_t from = first > 60 ? first - 60 : 0;
      differences += c.name + "\n  theirs: …" + dumpJson(theirs.substr(from, 160)) + "\n  ours:   …" + dumpJson(ours.substr(from, 160)) + "\n";
    }
  }
  return differences;
}
}  // namespace

class TestOracle : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() {
    if (!fs::exists(source() / ".deps/python/bin/python")) QSKIP("Needs .deps/python with jinja2 (packaging/setup --tests).");
  }

  void language() {
    const Json d = sampleData();
    std::vector<Case> cases;
    for (const char* sample : kSamples) cases.push_back({sample, sample, {{"d", d}}});
    const std::string differences = compare(cases);
    QVERIFY2(differences.empty(), differences.c_str());
  }

  void publicTemplates() {
    const fs::path folder = testData() / "chat-templates";
    if (!fs::exists(folder)) QSKIP("Needs ../shared/data/chat-templates.");
    std::vector<Case> cases;
    int files = 0;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() != ".jinja") continue;
      ++files;
      const std::string text = readFile(entry.path()).value();
      for (auto& [name, variables] : conversations()) cases.push_back({entry.path().filename().string() + ": " + name, text, variables});
    }
    QVERIFY2(files >= 35, qPrintable(QString::number(files)));
    const std::string differences = compare(cases);
    QVERIFY2(differences.empty(), differences.c_str());
  }

  void builtIn() {
    std::vector<Case> cases;
    for (const char* name : {"chatml", "llama3", "zephyr"}) {
      for (auto& [conversation, variables] : conversations()) cases.push_back({name + (": " + conversation), std::string(builtInTemplate(name)), variables});
    }
    const std::string differences = compare(cases);
    QVERIFY2(differences.empty(), differences.c_str());
  }
};

QTEST_APPLESS_MAIN(TestOracle)
#include "tst_chat_template_oracle.moc"
