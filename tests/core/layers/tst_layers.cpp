// The layer rules of the house, read from the #include lines of every file: who may know whom.
#include <QTest>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>

#include "base/subprocess.h"

namespace fs = std::filesystem;

namespace {

const std::map<std::string, std::set<std::string>>& allowed() {
  static const std::map<std::string, std::set<std::string>> rules = [] {
    std::map<std::string, std::set<std::string>> r;
    r["base"] = {};
    r["text"] = {"base"};
    r["models"] = {"base", "text"};
    r["job"] = {"base", "text", "models"};
    r["metrics"] = {"base"};
    r["store"] = {"base"};
    r["providers"] = {"base", "text", "models", "job", "store"};
    r["engine"] = {"base", "text", "models", "job", "metrics"};
    std::set<std::string> below = {"base", "text", "models", "job", "metrics", "store", "providers"};
    for (const char* room : {"logs", "data", "lab", "run", "report", "exports", "line"}) {
      r[room] = below;
      below.insert(room);
    }
    r["ui"] = below;
    return r;
  }();
  return rules;
}

fs::path source() { return std::getenv("RETORT_SOURCE"); }

}  // namespace

class TestLayers : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void includesFollowTheArrows() {
    const std::regex include("^#include \"([a-z]+)/");
    const std::regex foreign("^#include <(Q[A-Z]|torch/|ATen/|c10/)");
    QStringList breaches;
    int files = 0;
    for (const char* top : {"core", "ui"}) {
      for (const auto& entry : fs::recursive_directory_iterator(source() / top)) {
        const auto extension = entry.path().extension();
        if (extension != ".cpp" && extension != ".h") continue;
        ++files;
        const fs::path relative = fs::relative(entry.path(), source());
        const std::string room = std::string(top) == "ui" ? "ui" : std::next(relative.begin())->string();
        std::ifstream in(entry.path());
        std::smatch match;
        for (std::string line; std::getline(in, line);) {
          if (std::regex_search(line, match, include) && match[1] != room && match[1] != "ui" && !allowed().at(room).contains(match[1]))
            breaches << QString::fromStdString(relative.string() + " includes " + match[1].str());
          if (std::regex_search(line, match, include) && match[1] == "ui" && room != "ui") breaches << QString::fromStdString(relative.string() + " includes ui");
          if (std::regex_search(line, match, foreign)) {
            const bool qt = match[1].str().front() == 'Q';
            if (qt ? room != "ui" : room != "engine") breaches << QString::fromStdString(relative.string() + " includes " + line);
          }
          if (line.find("<torch/torch.h>") != std::string::npos || line.find("<ATen/ATen.h>") != std::string::npos)
            breaches << QString::fromStdString(relative.string() + " includes a whole-library torch header");
        }
      }
    }
    QVERIFY2(breaches.isEmpty(), qPrintable(breaches.join("\n")));
    QVERIFY(files > 30);
  }

  void pagesDoNotKnowEachOther() {
    const std::regex page("#include \"ui/pages/([a-z_]+)/");
    QStringList breaches;
    const fs::path pages = source() / "ui/pages";
    if (fs::is_directory(pages))
      for (const auto& entry : fs::recursive_directory_iterator(pages)) {
        if (!entry.is_regular_file()) continue;
        const std::string own = fs::relative(entry.path(), pages).begin()->string();
        std::ifstream in(entry.path());
        std::smatch match;
        for (std::string line; std::getline(in, line);)
          if (std::regex_search(line, match, page) && match[1] != own) breaches << QString::fromStdString(entry.path().filename().string() + " includes page " + match[1].str());
      }
    QVERIFY2(breaches.isEmpty(), qPrintable(breaches.join("\n")));
  }

  void windowAndCommandLineLinkNoTorch() {
    if (!std::getenv("RETORT_BIN")) QSKIP("RETORT_BIN is not set");
    int looked = 0;
    for (const char* name : {"retort", "retort-cli", "retort-worker"}) {
      const fs::path program = fs::path(std::getenv("RETORT_BIN")) / name;
      if (!fs::exists(program)) continue;
      ++looked;
      const auto libraries = retort::runCommand({"ldd", {program.string()}, {}, {}, {}});
      QVERIFY(libraries.ok());
      for (const char* banned : {"libtorch", "libc10"}) QVERIFY2(libraries->out.find(banned) == std::string::npos, name);
      if (std::string(name) != "retort") QVERIFY2(libraries->out.find("libQt6") == std::string::npos, name);
    }
    if (looked == 0) QSKIP("no program is built");
  }
};

QTEST_GUILESS_MAIN(TestLayers)
#include "tst_layers.moc"
