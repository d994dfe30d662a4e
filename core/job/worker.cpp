// Which variables hold keys.
#include "job/worker.h"

#include <unistd.h>

#include <string_view>

#include "base/paths.h"

namespace retort::job {

std::vector<std::string> keyVariables() {
  std::vector<std::string> names{"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OPENROUTER_API_KEY", "AZURE_OPENAI_API_KEY", "HF_TOKEN", "AWS_BEARER_TOKEN_BEDROCK", "AWS_ACCESS_KEY_ID",
                                 "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"};
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string_view line(*entry);
    if (line.starts_with("RETORT_KEY_")) names.emplace_back(line.substr(0, line.find('=')));
  }
  return names;
}

Result<Command> workerCommand(std::vector<std::string> args) {
  RETORT_TRY(const auto program, findProgram("retort-worker"));
  return Command{program, std::move(args), {}, keyVariables(), {}};
}

}  // namespace retort::job
