// Reading times, maps and the alias table.
#include "app/retort-cli/read_rules_arg.h"

#include "base/clock.h"
#include "base/paths.h"
#include "logs/field_map.h"
#include "logs/model_alias.h"

namespace retort::cli {

Result<std::optional<std::int64_t>> timeOption(const std::string& text, std::string_view option) {
  if (text.empty()) return std::optional<std::int64_t>();
  const auto time = parseIsoTime(text);
  if (!time) return Error{"cli.argument.time", "The option " + std::string(option) + " needs a time", {}, "\"" + shown(text) + "\" is none", "Write it as 2025-01-31 or 2025-01-31T12:00:00Z.", {}, {}};
  return std::optional(*time);
}

Status addReadRules(const Workspace& workspace, const std::string& format, const std::string& mapFile, logs::ImportOptions& options) {
  RETORT_TRY(const auto resources, resourcesFolder());
  const auto mapFolder = workspace.root() / "maps";
  options.read.format = format;
  if (!format.empty()) options.readRules = "format " + format;
  if (!mapFile.empty()) {
    RETORT_TRY(auto forced, logs::FieldMap::load(mapFile));
    RETORT_CHECK(logs::rememberMap(mapFolder, mapFile));
    options.readRules = "map " + forced.hash();
    RETORT_TRY(auto maps, logs::FieldMaps::load(mapFolder, resources / "maps"));
    maps.force(std::move(forced));
    options.read.maps = std::make_shared<logs::FieldMaps>(std::move(maps));
  } else {
    RETORT_TRY(auto maps, logs::FieldMaps::load(mapFolder, resources / "maps"));
    options.read.maps = std::make_shared<logs::FieldMaps>(std::move(maps));
  }
  RETORT_TRY(auto aliases, logs::ModelAliases::load(logs::aliasFileOf(workspace.root()), resources / "model-aliases.json"));
  options.read.aliases = std::make_shared<logs::ModelAliases>(std::move(aliases));
  return {};
}

}  // namespace retort::cli
