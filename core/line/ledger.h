// What a long job has finished, so that a second start goes on where the first ended: progress.json in its folder.
#pragma once
#include <filesystem>
#include <string>

#include "base/json.h"
#include "base/result.h"

namespace retort::line {

class Ledger {
 public:
  static Result<Ledger> open(const std::filesystem::path& folder);
  /// The result of a finished step, or null.
  [[nodiscard]] const Json* find(const std::string& step) const;
  /// Records a step's result; on disk when it returns.
  Status record(const std::string& step, const Json& result);

 private:
  std::filesystem::path m_file;
  Json m_steps = Json::object();
};

}  // namespace retort::line
