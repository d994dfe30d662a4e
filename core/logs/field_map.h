// Maps: which JSON path of a foreign log holds which field of a record. Shipped, remembered in a workspace, or given by the user.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "logs/format.h"

namespace retort::logs {

/// A path such as `a.b[0]."c d"[-1]` ("$." in front is allowed): members, elements from the start or the end. JSON in texts is unpacked on the way.
class JsonPath {
 public:
  static Result<JsonPath> parse(std::string_view text, std::string_view where);
  [[nodiscard]] dom::Maybe find(const dom::Maybe& root, dom::ParserPool& pool) const;
  /// Its names, one below the other; nothing for a path that counts elements.
  [[nodiscard]] std::optional<std::vector<std::string>> members() const;

 private:
  struct Step {
    std::string member;
    std::int64_t index = 0;
    bool isIndex = false;
  };
  std::vector<Step> m_steps;
};

/// One map, `retort.map/1`: {"schema", "name", "words"?, "recognise": [PATH…], "only"?: {"path", "in": […]}, "fields": {FIELD: PATH | [PATH…]},
/// "metadata"?: {KEY: PATH}}. A record fits when every path of "recognise" is there; "only" tells calls from other records. Fields are those of
/// kMapFields; of several paths the first that holds something counts. The metadata key "*" takes all members of an object.
class FieldMap {
 public:
  static Result<FieldMap> parse(const Json& json, std::string_view where);
  static Result<FieldMap> load(const std::filesystem::path& file);
  [[nodiscard]] const std::string& name() const { return m_name; }
  [[nodiscard]] const std::string& words() const { return m_words; }
  [[nodiscard]] bool fits(const dom::Maybe& root, dom::ParserPool& pool) const;
  bool read(const Reading& reading) const;
  /// A hash of the map's meaning: records read under another one are read anew.
  [[nodiscard]] const std::string& hash() const { return m_hash; }
  /// The paths of a field, in order of trial; empty for one that the map does not name.
  [[nodiscard]] std::vector<JsonPath> pathsOf(std::string_view field) const;
  [[nodiscard]] const std::vector<std::pair<std::string, JsonPath>>& metadata() const { return m_metadata; }

 private:
  std::string m_name, m_words, m_hash;
  std::vector<JsonPath> m_recognise;
  std::vector<JsonPath> m_onlyPath;
  std::vector<std::string> m_only;
  std::vector<std::pair<std::string, std::vector<JsonPath>>> m_fields;
  std::vector<std::pair<std::string, JsonPath>> m_metadata;
  [[nodiscard]] dom::Maybe field(const Reading& reading, std::string_view name) const;
};

inline constexpr std::string_view kMapFields[] = {"request_id", "time", "end", "first", "model", "operation", "region", "account", "system", "messages", "answer", "dispreferred", "tools", "parameters",
                                                  "input_tokens", "output_tokens", "cached_tokens", "latency_ms", "latency_s", "ttft_ms", "ttft_s", "cost", "stop", "error", "reason"};

/// The maps of an import: the forced one, those of the workspace (maps/*.json), those that are shipped; in that order.
class FieldMaps {
 public:
  /// Reads every *.json of both folders, in order of name; a folder that does not exist holds none. A broken map of the workspace is an error.
  static Result<FieldMaps> load(const std::filesystem::path& workspaceFolder, const std::filesystem::path& shippedFolder);
  void force(FieldMap map) { m_forced = std::make_shared<FieldMap>(std::move(map)); }
  [[nodiscard]] const FieldMap* forced() const { return m_forced.get(); }
  [[nodiscard]] const FieldMap* find(const dom::Maybe& root) const;
  [[nodiscard]] std::vector<const FieldMap*> all() const;

 private:
  std::shared_ptr<FieldMap> m_forced;
  std::vector<FieldMap> m_maps;
};

/// Keeps a map in the workspace, as maps/NAME.json, so that the next import of such a file needs no --map.
Status rememberMap(const std::filesystem::path& workspaceFolder, const std::filesystem::path& file);

}  // namespace retort::logs
