// The local engine as a teacher: a worker process with the model, asked in batches from a thread of its own.
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/hash.h"
#include "job/rpc.h"
#include "providers/json_peek.h"
#include "providers/provider.h"

namespace retort::providers {
namespace {

constexpr std::size_t kBatch = 64;   ///< prompts of one call

class LocalProvider : public Provider {
 public:
  explicit LocalProvider(Teacher teacher) : m_teacher(std::move(teacher)), m_thread([this](std::stop_token stop) { work(stop); }) {}
  ~LocalProvider() override {
    m_thread.request_stop();
    m_ready.notify_all();
    m_thread.join();
  }

  const Teacher& teacher() const override { return m_teacher; }
  std::string dialectName() const override { return "local"; }
  void rejectParameter(const std::string&) override {}

  Result<Capabilities> probe(std::stop_token stop) override {
    RETORT_TRY(auto client, job::RpcClient::start(m_teacher.path, {}, stop));
    RETORT_TRY(const Json about, client->call("describe", Json::object(), {}, stop));
    Capabilities c;
    c.jsonSchema = false;
    c.maxTopLogprobs = -1;
    c.contextTokens = peekCount(about, "context");
    c.server = peekText(client->hello(), "program");
    c.probed = isoUtc(utcMicros());
    return c;
  }

  void generate(GenRequest request, Handlers handlers, std::stop_token stop) override {
    {
      const std::lock_guard lock(m_mutex);
      m_queue.push_back({std::move(request), std::move(handlers), std::move(stop)});
    }
    m_ready.notify_all();
  }

 private:
  struct Item {
    GenRequest request;
    Handlers handlers;
    std::stop_token stop;
  };

  /// What must be equal for two prompts to share a call.
  static Json settings(const GenRequest& r) {
    Json s = {{"max_tokens", r.sampling.maxTokens}, {"temperature", r.sampling.temperature.value_or(0)}, {"top_p", r.sampling.topP.value_or(1)}, {"seed", r.sampling.seed.value_or(1)}, {"stop", r.sampling.stop}};
    if (r.topLogprobs >= 0) s["logprobs"] = r.topLogprobs;
    return s;
  }

  std::vector<Item> takeBatch(std::stop_token stop, Json& shared) {
    std::unique_lock lock(m_mutex);
    m_ready.wait(lock, [&] { return stop.stop_requested() || !m_queue.empty(); });
    std::vector<Item> batch;
    while (!m_queue.empty() && batch.size() < kBatch) {
      const Json own = settings(m_queue.front().request);
      if (batch.empty()) shared = own;
      else if (own != shared) break;
      batch.push_back(std::move(m_queue.front()));
      m_queue.pop_front();
    }
    return batch;
  }

  void work(std::stop_token stop) {
    while (!stop.stop_requested()) {
      Json params;
      auto batch = takeBatch(stop, params);
      std::vector<Item> live;
      for (auto& item : batch) {
        if (item.stop.stop_requested() || stop.stop_requested()) end(item, cancelledError("The question to " + m_teacher.name), ErrorClass::cancelled);
        else live.push_back(std::move(item));
      }
      if (!live.empty()) answer(live, params, stop);
    }
    const std::lock_guard lock(m_mutex);
    for (auto& item : m_queue) end(item, cancelledError("The question to " + m_teacher.name), ErrorClass::cancelled);
    m_queue.clear();
  }

  static void end(Item& item, Error error, ErrorClass errorClass) {
    Outcome o;
    o.end = errorClass == ErrorClass::cancelled ? End::cancelled : End::failed;
    o.error = std::move(error);
    o.errorClass = errorClass;
    item.handlers.done(std::move(o));
  }

  void answer(std::vector<Item>& items, Json params, std::stop_token stop) {
    if (!m_client) {
      auto client = job::RpcClient::start(m_teacher.path, {}, stop);
      if (!client.ok()) {
        for (auto& item : items) end(item, client.error(), isCancelled(client.error()) ? ErrorClass::cancelled : ErrorClass::pauseAuth);
        return;
      }
      m_client = std::move(*client);
    }
    params["prompts"] = Json::array();
    for (const auto& item : items) params["prompts"].push_back({{"messages", item.request.messages}, {"tools", item.request.tools}});
    // The call ends when every one who asked has lost interest, or the provider ends.
    std::stop_source all;
    const std::stop_callback onEnd(stop, [&] { all.request_stop(); });
    std::atomic<std::size_t> left = items.size();
    std::deque<std::stop_callback<std::function<void()>>> onItems;
    for (const auto& item : items)
      onItems.emplace_back(item.stop, [&left, &all] {
        if (--left == 0) all.request_stop();
      });
    const auto result = m_client->call("generate", params, {}, all.get_token());
    if (!result.ok()) {
      const bool wasCancelled = isCancelled(result.error());
      if (!wasCancelled) m_client.reset();   // a worker that failed is started anew
      for (auto& item : items) end(item, result.error(), wasCancelled ? ErrorClass::cancelled : ErrorClass::retry);
      return;
    }
    const Json& outputs = peek(*result, "outputs");
    for (std::size_t i = 0; i < items.size(); ++i) give(items[i], outputs.is_array() && i < outputs.size() ? outputs[i] : Json());
  }

  static void give(Item& item, const Json& output) {
    Outcome o;
    o.answer.text = peekText(output, "text");
    o.answer.rawFinish = peekText(output, "finish");
    o.answer.finish = o.answer.rawFinish == "length" ? Finish::length : Finish::stop;
    const Json& ids = peek(output, "ids");
    o.answer.usage = {peekCount(output, "prompt_tokens"), 0, 0, ids.is_array() ? static_cast<std::int64_t>(ids.size()) : 0, 0, true};
    o.timing.ttftMs = numberOf(peek(output, "ttft_ms"), -1);
    o.timing.totalMs = numberOf(peek(output, "total_ms"), -1);
    o.end = o.answer.finish == Finish::length ? End::tooLong : End::ok;
    if (item.handlers.delta && !o.answer.text.empty()) item.handlers.delta({Delta::Kind::text, o.answer.text});
    item.handlers.done(std::move(o));
  }

  Teacher m_teacher;
  std::mutex m_mutex;
  std::condition_variable m_ready;
  std::deque<Item> m_queue;
  std::unique_ptr<job::RpcClient> m_client;
  std::jthread m_thread;
};

}  // namespace

Result<std::shared_ptr<Provider>> makeLocalProvider(const Teacher& teacher) { return std::shared_ptr<Provider>(std::make_shared<LocalProvider>(teacher)); }

}  // namespace retort::providers
