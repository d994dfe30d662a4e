// Build options as the params of a job, and back.
#include "data/dataset_build.h"
#include "data/split.h"

namespace retort::data {

Json toJson(const BuildOptions& o) {
  return {{"name", o.name}, {"filter", o.filter}, {"use", o.use}, {"teacher", o.teacher}, {"golden", o.golden.string()}, {"kept_golden", o.keptGolden}, {"references", o.references.string()},
          {"split", o.split}, {"unit", o.unit}, {"group", o.group}, {"seed", o.seed}, {"system", o.system}, {"rows", o.rows.string()}};
}

Result<BuildOptions> buildOptionsFromJson(const Json& json, std::string_view where) {
  BuildOptions o;
  std::string golden, references, rows;
  ObjectReader reader(json, std::string(where));
  reader.required("name", o.name).optional("filter", o.filter).optional("use", o.use).optional("teacher", o.teacher).optional("golden", golden).optional("kept_golden", o.keptGolden).optional("references", references);
  reader.optional("split", o.split).optional("unit", o.unit).optional("group", o.group).optional("seed", o.seed).optional("system", o.system).optional("rows", rows);
  if (!reader.failed() && o.name.empty()) reader.fail("name", "must not be empty");
  if (!reader.failed() && o.use != "responses" && o.use != "prompts") reader.fail("use", "must be responses or prompts");
  if (!reader.failed() && o.unit != "call" && o.unit != "conversation") reader.fail("unit", "must be call or conversation");
  RETORT_CHECK(reader.finish());
  RETORT_TRY([[maybe_unused]] const auto split, parseSplit(o.split));
  o.golden = golden;
  o.references = references;
  o.rows = rows;
  return o;
}

}  // namespace retort::data
