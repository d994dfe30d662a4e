// The methods of rpc on one loaded model (shapes in core/job/rpc.h).
#pragma once
#include <functional>

#include "base/json.h"
#include "engine/model_host.h"

namespace retort::worker {

/// How a method talks while it works.
struct CallContext {
  std::function<void(Json note)> note;           ///< sends {"id", ...note}
  std::function<bool()> cancelled;
};

/// Runs a method; unknown ones are errors.
Result<Json> callMethod(const engine::ModelHost& host, const std::string& method, const Json& params, const CallContext& context);
/// What `describe` answers; also part of the hello line.
[[nodiscard]] Json describe(const engine::ModelHost& host);

}  // namespace retort::worker
