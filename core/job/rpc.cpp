// The client side of rpc: one worker process, one call at a time.
#include "job/rpc.h"

#include "base/subprocess.h"
#include "base/version.h"
#include "job/job_folder.h"
#include "job/worker.h"

namespace retort::job {

struct RpcClient::Private {
  std::optional<LineProcess> process;
  Json hello;
  std::int64_t nextId = 1;

  /// The worker is gone: what it said last is in its stderr; here only that it ended, and how.
  Error gone() {
    const int code = process->wait();
    return Error{"job.rpc.gone", "The model process ended", {}, code > 128 ? "it was killed by signal " + std::to_string(code - 128) : "it exited with code " + std::to_string(code) + (hello.is_null() ? " before it was ready, and said why on its standard error" : ""),
                 hello.is_null() && code <= 128 ? "See what is wrong with: retort-cli doctor" : "Try again; if it happens again, there may be too little memory.", {}, {}};
  }
};

std::string rpcHello(std::string_view program) { return dumpJson({{"rpc", 1}, {"program", program}}); }

RpcClient::RpcClient() : m(std::make_unique<Private>()) {}
RpcClient::~RpcClient() = default;

Result<std::unique_ptr<RpcClient>> RpcClient::start(const std::filesystem::path& model, const Options& options, std::stop_token stop) {
  RETORT_TRY(auto command, workerCommand({"rpc", model.string(), "--dtype", options.dtype, "--threads", std::to_string(options.threads), "--device", options.device}));
  if (!options.adapter.empty()) command.args.insert(command.args.end(), {"--adapter", options.adapter.string()});
  auto client = std::unique_ptr<RpcClient>(new RpcClient);
  RETORT_TRY(auto process, LineProcess::start(command));
  client->m->process.emplace(std::move(process));
  RETORT_CHECK(client->m->process->writeLine(rpcHello("retort " RETORT_VERSION)));
  RETORT_TRY(const auto line, client->m->process->readLine(stop, kRpcMaxLine));
  if (!line) return client->m->gone();
  RETORT_TRY(client->m->hello, parseJson(*line, "the model process's first line"));
  if (const auto& hello = client->m->hello; hello.is_object() && hello.contains("error")) return errorFromJson(hello["error"]);
  if (!client->m->hello.is_object() || client->m->hello.value("rpc", 0) != 1)
    return Error{"job.rpc.version", "The model process speaks another protocol", {}, shown(*line), "Install programs of one version.", {}, {}};
  return client;
}

Result<Json> RpcClient::call(std::string_view method, const Json& params, const std::function<void(const Json&)>& note, std::stop_token stop) {
  const std::int64_t id = m->nextId++;
  const std::string request = dumpJson({{"id", id}, {"method", method}, {"params", params}});
  if (request.size() > kRpcMaxLine)
    return Error{"job.rpc.large", "The request is too large", std::string(method), std::to_string(request.size()) + " bytes of at most " + std::to_string(kRpcMaxLine), "Send fewer rows at once.", {}, {}};
  if (auto written = m->process->writeLine(request); !written.ok()) return m->gone();
  for (;;) {
    auto line = m->process->readLine(stop, kRpcMaxLine + 1024);
    if (!line.ok()) {
      if (!isCancelled(line.error())) return std::move(line).error();
      // Ask the worker to stop, then drop what it still says about this request: the next call skips foreign ids.
      RETORT_CHECK(m->process->writeLine(dumpJson({{"id", m->nextId++}, {"method", "cancel"}, {"params", {{"id", id}}}})));
      return cancelledError(method);
    }
    if (!*line) return m->gone();
    RETORT_TRY(const Json message, parseJson(**line, "the model process's answer"));
    if (!message.is_object() || message.value("id", std::int64_t{0}) != id) continue;
    if (message.contains("result")) return message["result"];
    if (message.contains("error")) return errorFromJson(message["error"]);
    if (note) note(message);
  }
}

const Json& RpcClient::hello() const { return m->hello; }

}  // namespace retort::job
