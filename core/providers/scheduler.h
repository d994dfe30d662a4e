// Many questions to one teacher: as fast as it allows, nothing paid twice, every attempt on record, paused before money or patience ends.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/progress.h"
#include "base/result.h"
#include "providers/limits.h"
#include "providers/prices.h"
#include "providers/provider.h"
#include "providers/response_cache.h"
#include "providers/usage_log.h"

namespace retort::providers {

struct SpendCaps {
  NanoUsd money = -1;              ///< -1: none
  std::int64_t tokens = -1;        ///< prompt and answer together
  double seconds = -1;             ///< of this call
};

struct SchedulerOptions {
  std::string run;                 ///< id in the usage log: attempts of an earlier process of this run count towards the caps
  SpendCaps caps{};
  std::optional<Price> price;      ///< nullopt: unknown
  bool askAgain = false;           ///< do not look into the cache (still writes it)
  int maxTries = kMaxTries;
  std::uint64_t seed = 1;          ///< of the jitter
  int startAt = 4;                 ///< requests at once before anything is known of the server
  std::int64_t expected = 0;       ///< questions in all, for progress; 0: unknown
  std::string stage = "Teacher answers";
};

/// What became of one question, after all tries.
struct Settled {
  GenRequest request;
  Outcome outcome;
  bool fromCache = false;          ///< no part in latency and cost
  int tries = 0;
  NanoUsd cost = 0;                ///< of all tries; -1: unknown
};

struct RunTally {
  std::int64_t settled = 0, ok = 0, failed = 0, cached = 0, attempts = 0, retries = 0, possiblyBilled = 0;
  NanoUsd spent = 0;               ///< by this call
  bool isCostKnown = true;
  Usage tokens;
  int highestLimit = 0;            ///< most requests that were allowed at once
  std::optional<Error> paused;     ///< why it stopped before the end: key, quota, cap
  std::vector<std::string> notices;///< parameters left out …
};

class Scheduler {
 public:
  /// `cache` and `log` may be null in tests and for the playground.
  Scheduler(std::shared_ptr<Provider> provider, ResponseCache* cache, UsageLog* log, SchedulerOptions options);
  ~Scheduler();
  /// Asks what `next` gives until it gives nothing. `settled` is called on this thread, once a question, when the answer is safely on disk; an
  /// error of it ends the run. Cancelled: the cancelled error, after every open request was closed. Earlier spending of the run is read first.
  Result<RunTally> run(const std::function<std::optional<GenRequest>()>& next, const std::function<Status(Settled&&)>& settled, const ProgressFn& progress, std::stop_token stop);

 private:
  struct Private;
  std::unique_ptr<Private> m;
};

}  // namespace retort::providers
