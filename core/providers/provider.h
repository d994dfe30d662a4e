// What every teacher can do: be probed, answer; made from its description. HTTP dialects, the local engine and replays alike.
#pragma once
#include <memory>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "providers/generation.h"
#include "providers/rules.h"
#include "providers/teacher.h"

namespace retort::providers {

class Provider {
 public:
  virtual ~Provider() = default;
  [[nodiscard]] virtual const Teacher& teacher() const = 0;
  /// Asks what the server can do (model list and calls of one token). Blocks; costs next to nothing. Also the check of key and address.
  virtual Result<Capabilities> probe(std::stop_token stop) = 0;
  /// Returns at once; see Handlers.
  virtual void generate(GenRequest request, Handlers handlers, std::stop_token stop) = 0;
  /// Waits for the outcome.
  Outcome ask(GenRequest request, std::stop_token stop = {});
  /// Leaves a parameter out of all later requests (after a "reshape").
  virtual void rejectParameter(const std::string& name) = 0;
  /// Name of dialect and origin, parts of a request's hash.
  [[nodiscard]] virtual std::string dialectName() const = 0;
};

struct ProviderOptions {
  std::shared_ptr<HttpClient> http;        ///< null: the process's own
};
Result<std::shared_ptr<Provider>> makeProvider(const Teacher& teacher, const ProviderOptions& options = {});

Result<std::shared_ptr<Provider>> makeHttpProvider(const Teacher& teacher, std::shared_ptr<HttpClient> http);
Result<std::shared_ptr<Provider>> makeReplayProvider(const Teacher& teacher);
Result<std::shared_ptr<Provider>> makeLocalProvider(const Teacher& teacher);

}  // namespace retort::providers
