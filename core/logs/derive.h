// The background pass that works out derived fields (families.md): resumable, one commit for up to 2^16 records.
#pragma once
#include <cstdint>
#include <filesystem>
#include <stop_token>

#include "base/progress.h"
#include "base/result.h"
#include "providers/prices.h"

namespace retort::logs {

struct DeriveSummary {
  std::int64_t records = 0;        ///< worked out by this call
  std::int64_t of = 0;             ///< in the store
  std::int64_t unreadable = 0;
  std::int64_t families = 0, systems = 0;
  double seconds = 0;
};

/// Brings derived.db of the workspace `folder` up to its logs.db. Waits while another pass runs. Cancelled, it keeps
/// what was committed and the next call goes on there. Where ids have moved (a purge, an edited alias table) it begins anew.
Result<DeriveSummary> deriveFields(const std::filesystem::path& folder, const providers::PriceTable& prices, std::stop_token stop = {}, const ProgressFn& progress = {});

}  // namespace retort::logs
