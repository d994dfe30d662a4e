// Writing the traffic log.
#include "app/retort-worker/serve_log.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/ids.h"

namespace retort::worker {
namespace {

Json textPart(const std::string& text) { return Json::array({{{"text", text}}}); }

}  // namespace

Json trafficRecord(const engine::ApiAnswer& answer, const engine::ApiRequest& request, const engine::Generated& made, std::int64_t timeMicros) {
  Json messages = Json::array(), system = Json::array();
  if (request.chat) {
    for (const Json& m : request.messages) {
      const std::string role = m.value("role", "user"), text = m.value("content", std::string());
      if (role == "system" || role == "developer") system.push_back({{"text", text}});
      else messages.push_back({{"role", role == "assistant" ? "assistant" : "user"}, {"content", textPart(text)}});
    }
  } else {
    messages.push_back({{"role", "user"}, {"content", textPart(request.text)}});
  }
  Json input = {{"messages", messages}, {"inferenceConfig", {{"maxTokens", request.options.maxTokens}, {"temperature", request.options.sampler.temperature}, {"topP", request.options.sampler.topP}}}};
  if (!system.empty()) input["system"] = system;
  Json keys = {{"served", "retort"}};
  if (request.metadata.is_object())
    for (const auto& [key, value] : request.metadata.items())
      if (value.is_string()) keys[key] = value;
  const Json output = {{"output", {{"message", {{"role", "assistant"}, {"content", textPart(made.text)}}}}},
                       {"stopReason", made.finish == "length" ? "max_tokens" : "end_turn"},
                       {"metrics", {{"latencyMs", static_cast<std::int64_t>(made.totalMs)}}},
                       {"usage", {{"inputTokens", made.promptTokens}, {"outputTokens", made.ids.size()}, {"totalTokens", made.promptTokens + made.ids.size()}}}};
  return {{"schemaType", "ModelInvocationLog"}, {"schemaVersion", "1.0"}, {"timestamp", isoUtc(timeMicros)}, {"accountId", "000000000000"}, {"region", "local"},
          {"requestId", answer.id.substr(answer.id.find('-') + 1)}, {"operation", "Converse"}, {"modelId", answer.model}, {"requestMetadata", keys},
          {"input", {{"inputContentType", "application/json"}, {"inputBodyJson", input}, {"inputTokenCount", made.promptTokens}}},
          {"output", {{"outputContentType", "application/json"}, {"outputBodyJson", output}, {"outputTokenCount", made.ids.size()}}}};
}

void TrafficLog::add(const engine::ApiAnswer& answer, const engine::ApiRequest& request, const engine::Generated& made) {
  const auto now = utcMicros();
  const std::string line = dumpJson(trafficRecord(answer, request, made, now)) + "\n";
  const std::lock_guard lock(m_mutex);
  const int file = makeFolders(m_folder).ok() ? ::open((m_folder / (isoUtc(now).substr(0, 10) + ".jsonl")).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
  const bool whole = file >= 0 && ::write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  if (file >= 0) ::close(file);
  ++(whole ? m_written : m_missed);
}

std::uint64_t TrafficLog::written() const {
  const std::lock_guard lock(m_mutex);
  return m_written;
}
std::uint64_t TrafficLog::missed() const {
  const std::lock_guard lock(m_mutex);
  return m_missed;
}

}  // namespace retort::worker
