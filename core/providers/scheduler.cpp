// One loop on the caller's thread: gather outcomes, write them down, hand them out, send what may go, sleep until something can happen.
#include "providers/scheduler.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <unordered_map>

#include "base/clock.h"
#include "base/format.h"
#include "providers/request_hash.h"

namespace retort::providers {
namespace {

/// A question on its way through.
struct Item {
  GenRequest request;
  std::string hash;
  int tries = 0;
  bool wasReshaped = false;
  double readyAt = 0, sentAt = 0;
  NanoUsd worst = -1, cost = 0;
  std::int64_t reservedTokens = 0, estimated = 0;
  SentAttempt attempt;
};

Error pausedError(std::string_view code, std::string what, std::string why, std::string next) { return Error{"providers.paused." + std::string(code), std::move(what), {}, std::move(why), std::move(next), {}, {}}; }

}  // namespace

struct Scheduler::Private {
  /// Where handlers leave their outcomes; outlives the scheduler if a provider is late.
  struct Inbox {
    std::mutex mutex;
    std::condition_variable ready;
    std::vector<std::pair<std::uint64_t, Outcome>> outcomes;
  };

  std::shared_ptr<Provider> provider;
  ResponseCache* cache;
  UsageLog* log;
  SchedulerOptions options;
  std::shared_ptr<Inbox> inbox = std::make_shared<Inbox>();
  std::stop_source inner;
  Random random;
  AimdLimit aimd;
  RateBucket requests, tokens;
  std::unordered_map<std::uint64_t, Item> flying;
  std::deque<Item> again;                                   ///< waiting for another try
  std::unordered_map<std::string, std::vector<Item>> twins; ///< the same question while the first is on its way
  std::set<std::string> flyingHashes;
  std::uint64_t nextKey = 0;
  NanoUsd before = 0, reserved = 0;                         ///< spent by earlier processes of the run; worst case of what is flying
  std::int64_t tokensBefore = 0, tokensReserved = 0;
  double promptFactor = 1;                                  ///< true prompt tokens over estimated ones, at their worst so far
  double started = 0, blockedUntil = 0;                     ///< blockedUntil: a rate limit holds until then
  RunTally tally;
  bool isExhausted = false;
  std::string origin;

  Private(std::shared_ptr<Provider> p, ResponseCache* c, UsageLog* l, SchedulerOptions o)
      : provider(std::move(p)), cache(c), log(l), options(std::move(o)), random(options.seed, "retry"), aimd(provider->teacher().maxConcurrent, options.startAt),
        requests(provider->teacher().requestsPerMinute), tokens(provider->teacher().tokensPerMinute), origin(provider->teacher().host()) {
    tally.tokens.isKnown = true;
    // A local model batches by itself; a replay has no server to spare.
    if (!provider->teacher().isRemote()) aimd = AimdLimit(256, 256);
  }

  using SettledFn = std::function<Status(Settled&&)>;

  Status settle(Item&& item, Outcome&& outcome, bool fromCache, const SettledFn& settled) {
    ++tally.settled;
    if (outcome.end == End::ok) ++tally.ok;
    else ++tally.failed;
    if (fromCache) ++tally.cached;
    for (const auto& notice : outcome.answer.notices)
      if (std::find(tally.notices.begin(), tally.notices.end(), notice) == tally.notices.end() && tally.notices.size() < 20) tally.notices.push_back(notice);
    return settled({std::move(item.request), std::move(outcome), fromCache, item.tries, item.cost});
  }

  /// Gives an answer out of the cache; true when there was one.
  Result<bool> fromCache(Item& item, const SettledFn& settled) {
    if (!cache || options.askAgain) return false;
    RETORT_TRY(auto known, cache->find(item.hash));
    if (!known) return false;
    Outcome o;
    o.end = End::ok;
    o.answer = std::move(*known);
    RETORT_CHECK(settle(std::move(item), std::move(o), true, settled));
    return true;
  }

  void prepare(Item& item) const {
    const auto& t = provider->teacher();
    item.hash = requestHash(provider->dialectName(), origin, t.kind == Kind::local || t.kind == Kind::replay ? t.path.string() : t.model, t.extra, item.request);
    item.estimated = estimatedPromptTokens(item.request);
    const auto prompt = static_cast<std::int64_t>(static_cast<double>(item.estimated) * promptFactor) + 1;
    item.reservedTokens = prompt + item.request.sampling.maxTokens;
    if (options.price) {
      Usage most;
      most.cacheWrite = options.price->cacheWrite.value_or(0) > options.price->input ? prompt : 0;
      most.input = prompt - most.cacheWrite;
      most.output = item.request.sampling.maxTokens;
      item.worst = costOf(*options.price, most);
    }
  }

  /// The cap that one more question would break; nullopt when all hold.
  std::optional<Error> brokenCap(const Item& item) const {
    const auto& c = options.caps;
    if (c.money >= 0 && before + tally.spent + reserved + std::max<NanoUsd>(0, item.worst) > c.money)
      return pausedError("cap", "Paused at the cap of " + formatMoney(c.money), formatMoney(before + tally.spent) + " are spent, and the next answer may cost up to " + formatMoney(std::max<NanoUsd>(0, item.worst)), "Raise the cap to go on; nothing that was answered is asked again.");
    const std::int64_t used = tokensBefore + tally.tokens.prompt() + tally.tokens.output;
    if (c.tokens >= 0 && used + tokensReserved + item.reservedTokens > c.tokens)
      return pausedError("cap", "Paused at the cap of " + formatCount(c.tokens) + " tokens", formatCount(used) + " are used", "Raise the cap to go on; nothing that was answered is asked again.");
    if (c.seconds >= 0 && monotonicSeconds() - started > c.seconds)
      return pausedError("cap", "Paused at the cap of " + formatDuration(c.seconds), "the time is over", "Start it again to go on; nothing that was answered is asked again.");
    return std::nullopt;
  }

  /// The next question that may be sent now. `wait` receives the seconds until one may be, when none may.
  Result<std::optional<Item>> pick(const std::function<std::optional<GenRequest>()>& next, const SettledFn& settled, double& wait) {
    for (;;) {
      const double now = monotonicSeconds();
      if (now < blockedUntil) {
        wait = std::min(wait, blockedUntil - now);
        return std::optional<Item>();
      }
      std::optional<Item> item;
      const auto ready = std::find_if(again.begin(), again.end(), [&](const Item& i) { return i.readyAt <= now; });
      if (ready != again.end()) {
        item = std::move(*ready);
        again.erase(ready);
      } else if (!isExhausted) {
        auto request = next();
        if (!request) {
          isExhausted = true;
          continue;
        }
        item.emplace();
        item->request = std::move(*request);
        prepare(*item);
      } else {
        for (const auto& i : again) wait = std::min(wait, i.readyAt - now);
        return std::optional<Item>();
      }
      if (item->tries == 0) {
        RETORT_TRY(const bool wasKnown, fromCache(*item, settled));
        if (wasKnown) continue;
        if (flyingHashes.contains(item->hash) && !options.askAgain) {
          twins[item->hash].push_back(std::move(*item));
          continue;
        }
      }
      if (auto cap = brokenCap(*item)) {
        // What is flying may turn out cheaper than its worst case.
        if (flying.empty()) tally.paused = std::move(cap);
        again.push_front(std::move(*item));
        return std::optional<Item>();
      }
      const double rate = std::max(requests.waitFor(1, now), tokens.waitFor(static_cast<double>(item->reservedTokens), now));
      if (rate > 0) {
        blockedUntil = now + rate;
        wait = std::min(wait, rate);
        again.push_front(std::move(*item));
        return std::optional<Item>();
      }
      requests.take(1, now);
      tokens.take(static_cast<double>(item->reservedTokens), now);
      return item;
    }
  }

  /// Sends all that may go now: first on record (one sync for all), then on the wire.
  Status dispatch(const std::function<std::optional<GenRequest>()>& next, const SettledFn& settled, double& wait) {
    std::vector<std::uint64_t> keys;
    std::vector<SentAttempt> records;
    while (!tally.paused && static_cast<int>(flying.size()) < aimd.limit()) {
      RETORT_TRY(auto item, pick(next, settled, wait));
      if (!item) break;
      ++item->tries;
      ++tally.attempts;
      if (item->tries > 1) ++tally.retries;
      const auto& t = provider->teacher();
      item->attempt = {log ? log->newAttemptId() : std::string(), item->hash, options.run, item->request.id, t.name, t.model, origin, item->tries, item->worst};
      records.push_back(item->attempt);
      reserved += std::max<NanoUsd>(0, item->worst);
      tokensReserved += item->reservedTokens;
      flyingHashes.insert(item->hash);
      keys.push_back(nextKey);
      flying.emplace(nextKey++, std::move(*item));
    }
    tally.highestLimit = std::max(tally.highestLimit, aimd.limit());
    if (keys.empty()) return {};
    if (log) RETORT_CHECK(log->sent(records));
    for (const auto key : keys) {
      Item& item = flying.at(key);
      item.sentAt = monotonicSeconds();
      provider->generate(item.request, {{}, [box = inbox, key](Outcome&& o) {
                           const std::lock_guard lock(box->mutex);
                           box->outcomes.emplace_back(key, std::move(o));
                           box->ready.notify_all();
                         }}, inner.get_token());
    }
    return {};
  }

  /// What an attempt cost; -1: unknown although tokens were used.
  NanoUsd costOfAttempt(const Outcome& o) const {
    if (!o.answer.usage.isKnown) return o.http == 0 || o.sawBytes ? (options.price && options.price->input == 0 && options.price->output == 0 ? 0 : -1) : 0;
    return options.price ? costOf(*options.price, o.answer.usage) : -1;
  }

  /// Books an outcome: money, tokens, limits, the usage log, the cache. Nothing is shown yet.
  Status book(Item& item, Outcome& o) {
    reserved -= std::max<NanoUsd>(0, item.worst);
    tokensReserved -= item.reservedTokens;
    const Usage& u = o.answer.usage;
    if (u.isKnown && item.estimated > 0) promptFactor = std::max(promptFactor, static_cast<double>(u.prompt()) / static_cast<double>(item.estimated));
    if (u.isKnown) tokens.giveBack(static_cast<double>(item.reservedTokens - u.prompt() - u.output));
    // Failed before an answer began: no bill. Broken or cancelled after: perhaps.
    const bool isBroken = o.end == End::partial || o.end == End::cancelled || (o.end == End::failed && (o.http == 0 || o.sawBytes) && (o.http == 0 || o.http == 200));
    const bool isFree = options.price && options.price->input == 0 && options.price->output == 0;
    const bool neverLeft = o.error.code == "providers.http.connect" || o.error.code == "providers.http.dns" || o.error.code.starts_with("providers.key.") || o.error.code.starts_with("providers.replay.") || o.error.code == "providers.http.offline";
    const bool isPossiblyBilled = isBroken && !neverLeft && !u.isKnown && !isFree;
    const NanoUsd cost = neverLeft || isPossiblyBilled ? 0 : costOfAttempt(o);
    if (isPossiblyBilled) ++tally.possiblyBilled;
    if (cost < 0) {
      const bool isReal = u.isKnown && u.prompt() + u.output > 0;
      if (isReal) tally.isCostKnown = false, item.cost = -1;
    } else {
      tally.spent += cost;
      if (item.cost >= 0) item.cost += cost;
    }
    // What may be on the bill counts against the cap at its worst.
    if (isPossiblyBilled) before += std::max<NanoUsd>(0, item.worst);
    tally.tokens.input += u.input;
    tally.tokens.cacheRead += u.cacheRead;
    tally.tokens.cacheWrite += u.cacheWrite;
    tally.tokens.output += u.output;
    tally.tokens.reasoning += u.reasoning;
    const double now = monotonicSeconds();
    if (o.http == 429 || o.http == 503 || o.http == 529 || o.error.code == "providers.limited") aimd.throttled(now, item.sentAt);
    else if (o.errorClass == ErrorClass::none) aimd.success(now - item.sentAt);
    const RateHint hint = rateHint(o.headers, utcMicros());
    if (hint.requests.remaining && *hint.requests.remaining < 1 && hint.requests.resetSeconds) requests.blockUntil(now + std::min(kLongestWait, *hint.requests.resetSeconds));
    if (hint.tokens.remaining && *hint.tokens.remaining < 1 && hint.tokens.resetSeconds) tokens.blockUntil(now + std::min(kLongestWait, *hint.tokens.resetSeconds));
    if (o.end == End::ok && cache) RETORT_CHECK(cache->add(item.hash, o.answer));
    if (log) RETORT_CHECK(log->done(item.attempt, o, cost, isPossiblyBilled));
    return {};
  }

  /// Decides about an outcome that is booked: settled, tried again, or all paused.
  Status decide(Item&& item, Outcome&& o, const SettledFn& settled) {
    flyingHashes.erase(item.hash);
    const auto tryAgain = [&](double delay) {
      item.readyAt = monotonicSeconds() + delay;
      again.push_back(std::move(item));
      return Status();
    };
    if (inner.stop_requested() && o.end != End::ok) return {};
    switch (o.errorClass) {
      case ErrorClass::retry:
        if (o.retryAfter > kLongestWait) {
          if (!tally.paused) tally.paused = pausedError("limit", provider->teacher().name + " asks to wait for " + formatDuration(o.retryAfter), o.error.why, "Start it again later; nothing that was answered is asked again.");
          return tryAgain(0);
        }
        if (item.tries < options.maxTries) return tryAgain(retryDelay(item.tries - 1, o.retryAfter, random));
        break;
      case ErrorClass::reshape:
        provider->rejectParameter(o.rejectedParameter);
        if (!std::exchange(item.wasReshaped, true) || item.tries < options.maxTries) return tryAgain(0);
        break;
      case ErrorClass::pauseAuth:
      case ErrorClass::pauseQuota:
        if (!tally.paused) {
          tally.paused = o.error;
          tally.paused->code = o.errorClass == ErrorClass::pauseAuth ? (o.error.code.starts_with("providers.key.") ? o.error.code : "providers.paused.auth") : "providers.paused.quota";
        }
        return tryAgain(0);
      default: break;
    }
    const std::string hash = item.hash;
    RETORT_CHECK(settle(std::move(item), std::move(o), false, settled));
    // Those who waited for the same question: out of the cache, or asked in their turn.
    if (auto it = twins.find(hash); it != twins.end()) {
      auto waiting = std::move(it->second);
      twins.erase(it);
      for (auto& twin : waiting) again.push_back(std::move(twin));
    }
    return {};
  }

  Status gather(const SettledFn& settled, double wait) {
    std::vector<std::pair<std::uint64_t, Outcome>> came;
    {
      std::unique_lock lock(inbox->mutex);
      if (wait > 0) inbox->ready.wait_for(lock, std::chrono::duration<double>(wait), [&] { return !inbox->outcomes.empty() || inner.stop_requested(); });
      came.swap(inbox->outcomes);
    }
    if (came.empty()) return {};
    std::vector<std::pair<Item, Outcome>> booked;
    for (auto& [key, outcome] : came) {
      auto node = flying.extract(key);
      if (node.empty()) continue;
      RETORT_CHECK(book(node.mapped(), outcome));
      booked.emplace_back(std::move(node.mapped()), std::move(outcome));
    }
    // The answers only: the log's lines reach the disk with the next attempt's, or at the end. A power cut in between makes an answered
    // attempt look open (possibly billed), which errs on the safe side; a killed process loses nothing.
    if (cache && std::any_of(booked.begin(), booked.end(), [](const auto& b) { return b.second.end == End::ok; })) RETORT_CHECK(cache->sync());
    for (auto& [item, outcome] : booked) RETORT_CHECK(decide(std::move(item), std::move(outcome), settled));
    return {};
  }

  Status readPast() {
    if (!log || options.run.empty()) return {};
    RETORT_TRY([[maybe_unused]] const auto lost, log->settleLost(options.run));
    RETORT_TRY(const auto past, log->totalsOf(options.run));
    before = past.spent + past.possiblySpent;
    tokensBefore = past.tokens.prompt() + past.tokens.output;
    return {};
  }

  /// Closes every open request and books what they came to.
  void closeAll(const SettledFn& settled) {
    inner.request_stop();
    const double until = monotonicSeconds() + 30;
    while (!flying.empty() && monotonicSeconds() < until) {
      std::unique_lock lock(inbox->mutex);
      inbox->ready.wait_for(lock, std::chrono::milliseconds(100), [&] { return !inbox->outcomes.empty(); });
      lock.unlock();
      if (!gather(settled, 0).ok()) break;
    }
    if (log) (void)log->sync();
  }
};

Scheduler::Scheduler(std::shared_ptr<Provider> provider, ResponseCache* cache, UsageLog* log, SchedulerOptions options) : m(std::make_unique<Private>(std::move(provider), cache, log, std::move(options))) {}
Scheduler::~Scheduler() { m->inner.request_stop(); }

Result<RunTally> Scheduler::run(const std::function<std::optional<GenRequest>()>& next, const std::function<Status(Settled&&)>& settled, const ProgressFn& progress, std::stop_token stop) {
  if (m->options.caps.money >= 0 && !m->options.price)
    return Error{"providers.cap.unknown", "The cap on money cannot be kept", m->provider->teacher().model, "nobody knows what this model costs", "Write its price into prices.json of the workspace, or give it with: teacher add … --price IN,OUT", {}, {}};
  m->started = monotonicSeconds();
  RETORT_CHECK(m->readPast());
  ProgressMeter meter(progress, m->options.stage, "answers", m->options.expected);
  const std::stop_callback onStop(stop, [this] {
    m->inner.request_stop();
    m->inbox->ready.notify_all();
  });
  for (;;) {
    double wait = 0.5;
    auto status = m->inner.stop_requested() ? Status() : m->dispatch(next, settled, wait);
    const bool isOver = m->flying.empty() && (m->tally.paused || (m->isExhausted && m->again.empty()));
    if (status.ok() && !isOver) status = m->gather(settled, m->inner.stop_requested() ? 0 : std::max(0.0, wait));
    if (!status.ok()) {
      m->closeAll([](Settled&&) { return Status(); });
      return std::move(status).error();
    }
    if (m->inner.stop_requested()) {
      m->closeAll(settled);
      return cancelledError(m->options.stage);
    }
    meter.at(m->tally.settled);
    if (isOver) break;
  }
  meter.finish();
  if (m->log) RETORT_CHECK(m->log->sync());
  return m->tally;
}

}  // namespace retort::providers
