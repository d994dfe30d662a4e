// Folders to rows: name, time and state from the JSON file that each kind of folder has.
#include "data/folder_index.h"

#include <algorithm>

#include "base/files.h"
#include "base/ids.h"
#include "base/json.h"
#include "store/people_db.h"

namespace retort::data {
namespace {

std::string member(const Json& json, const char* name) {
  const auto found = json.is_object() ? json.find(name) : json.end();
  return json.is_object() && found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

Result<std::int64_t> reindexFolders(const Workspace& workspace) {
  RETORT_CHECK(workspace.requireWritable());
  std::vector<store::FolderEntry> all;
  const std::pair<const char*, fs::path> nouns[] = {{"dataset", workspace.datasets()}, {"run", workspace.runs()}, {"job", workspace.jobs()}, {"report", workspace.reports()}, {"export", workspace.exports()}};
  for (const auto& [noun, root] : nouns) {
    std::error_code error;
    for (const auto& folder : fs::directory_iterator(root, error)) {
      const std::string id = folder.path().filename().string();
      if (!folder.is_directory(error) || !isId(id)) continue;
      store::FolderEntry entry{noun, id, {}, {}, {}, {}};
      for (const char* file : {"card.json", "report.json", "spec.json", "state.json"}) {
        const auto json = readJsonFile(folder.path() / file);
        if (!json.ok()) continue;
        if (entry.name.empty()) entry.name = member(*json, "name");
        if (entry.created.empty()) entry.created = member(*json, "created");
        if (entry.state.empty()) entry.state = member(*json, std::string_view(file) == "state.json" ? "phase" : "state");
        for (const char* parent : {"parent", "dataset", "data", "run"})
          if (entry.parent.empty()) entry.parent = member(*json, parent);
      }
      all.push_back(std::move(entry));
    }
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return std::tie(a.noun, a.id) < std::tie(b.noun, b.id); });
  RETORT_TRY(auto people, store::PeopleDb::open(workspace.retortDb()));
  RETORT_CHECK(people.setFolders(all));
  return static_cast<std::int64_t>(all.size());
}

}  // namespace retort::data
