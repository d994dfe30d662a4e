// Hashing requests.
#include "providers/request_hash.h"

#include "base/hash.h"

namespace retort::providers {

std::string requestHash(const std::string& dialect, const std::string& origin, const std::string& model, const Json& extra, const GenRequest& r) {
  Json sampling = {{"max_tokens", r.sampling.maxTokens}, {"stop", r.sampling.stop}, {"effort", r.sampling.effort}, {"top_logprobs", r.topLogprobs}};
  if (r.sampling.temperature) sampling["temperature"] = *r.sampling.temperature;
  if (r.sampling.topP) sampling["top_p"] = *r.sampling.topP;
  if (r.sampling.seed) sampling["seed"] = *r.sampling.seed;
  Sha256 hash;
  for (const std::string& part : {std::string("retort.request/1"), dialect, origin, model, dumpJson(r.messages), dumpJson(r.tools), dumpJson(r.format), dumpJson(sampling), dumpJson(extra), r.promptVersion, std::to_string(r.sample)}) {
    hash.update(std::to_string(part.size()) + ":");
    hash.update(part);
  }
  return hash.hex();
}

std::int64_t estimatedPromptTokens(const GenRequest& r) {
  std::size_t bytes = r.tools.is_null() ? 0 : dumpJson(r.tools).size();
  if (!r.format.is_null()) bytes += dumpJson(r.format).size();
  bytes += dumpJson(r.messages).size();
  return static_cast<std::int64_t>(bytes / 3 + 8 * r.messages.size() + 8);
}

}  // namespace retort::providers
