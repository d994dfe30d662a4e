// progress.json: {"schema":"retort.progress/1","steps":{name: result}}.
#include "line/ledger.h"

#include "base/files.h"

namespace retort::line {

Result<Ledger> Ledger::open(const std::filesystem::path& folder) {
  Ledger ledger;
  ledger.m_file = folder / "progress.json";
  std::error_code error;
  if (!fs::exists(ledger.m_file, error)) return ledger;
  RETORT_TRY(const Json json, readJsonFile(ledger.m_file));
  ObjectReader reader(json, ledger.m_file.string());
  reader.required("steps", ledger.m_steps);
  RETORT_CHECK(reader.finish(true));
  return ledger;
}

const Json* Ledger::find(const std::string& step) const {
  const auto it = m_steps.find(step);
  return it == m_steps.end() ? nullptr : &*it;
}

Status Ledger::record(const std::string& step, const Json& result) {
  m_steps[step] = result;
  return writeJsonFile(m_file, {{"schema", "retort.progress/1"}, {"steps", m_steps}});
}

}  // namespace retort::line
