// retort-worker serve MODEL: one model behind OpenAI's API, on this machine.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <thread>

#include "app/retort-worker/serve_http.h"
#include "app/retort-worker/worker.h"
#include "base/format.h"
#include "models/model_source.h"

namespace retort::worker {
namespace {

struct Wanted {
  ServeOptions serve;
  std::string path, dtype, log;
  engine::DeviceOptions device;
};

/// The command line; the key may come from the environment, where other users do not see it.
Result<Wanted> wantedOf(Options& options) {
  Wanted w;
  w.device = deviceOptions(options);
  w.dtype = options.value("--dtype", "bf16");
  w.log = options.value("--log");
  w.serve.address = options.value("--host", "127.0.0.1");
  w.serve.port = options.number("--port", 8080);
  w.serve.name = options.value("--name");
  const char* key = std::getenv("RETORT_SERVE_KEY");
  w.serve.key = options.value("--key", key ? key : "");
  w.serve.slots = static_cast<std::size_t>(std::max(1, options.number("--slots", 16)));
  w.serve.queue = static_cast<std::size_t>(std::max(1, options.number("--queue", 256)));
  const auto wrong = [](std::string why, std::string next) { return Error{"worker.serve.options", "The server cannot start", {}, std::move(why), std::move(next), {}, {}}; };
  if (const std::string problem = options.problem(); !problem.empty()) return wrong(problem, "See retort-worker --help");
  if (options.positions().size() != 1) return wrong("it needs one model: a GGUF file or a Hugging Face folder", "Name one");
  if (w.serve.port < 0 || w.serve.port > 65535) return wrong("a port is a number from 0 to 65535", "Choose another");
  if (!isLoopback(w.serve.address) && w.serve.key.empty())
    return wrong(w.serve.address + " can be reached from other machines, and no key is asked for", "Give --key, or set RETORT_SERVE_KEY");
  w.path = options.positions()[0];
  return w;
}

int run(const std::vector<std::string>& args) {
  // Signals are waited for by one thread, so every thread that comes later must not take them.
  sigset_t ends;
  sigemptyset(&ends);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&ends, signal);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  Options options(args);
  auto wanted = wantedOf(options);
  if (!wanted.ok()) return fail(wanted.error()), 2;
  engine::tuneProcess();
  const auto device = engine::initialise(wanted->device);
  if (!device.ok()) return fail(device.error());
  const auto host = engine::loadHost(wanted->path, wanted->dtype, *device);
  if (!host.ok()) return fail(host.error());
  const auto hash = models::modelSha256(wanted->path);
  if (!hash.ok()) return fail(hash.error());
  if (wanted->serve.name.empty()) wanted->serve.name = host->source->name();
  wanted->serve.name += "@" + hash->substr(0, 12);
  std::optional<TrafficLog> log;
  if (!wanted->log.empty()) log.emplace(wanted->log);
  HttpServer server(*host, wanted->serve, log ? &*log : nullptr);
  const auto port = server.bind();
  if (!port.ok()) return fail(port.error());
  const std::string address = "http://" + (wanted->serve.address.find(':') != std::string::npos ? "[" + wanted->serve.address + "]" : wanted->serve.address) + ":" + std::to_string(*port) + "/v1";
  std::puts(dumpJson({{"serving", address}, {"model", wanted->serve.name}, {"key", wanted->serve.key.empty() ? "none" : "asked for"}, {"log", wanted->log.empty() ? Json() : Json(wanted->log)}}).c_str());
  std::fflush(stdout);
  std::thread waiter([&] {
    int signal = 0;
    sigwait(&ends, &signal);
    server.stop();
  });
  server.run();
  ::kill(::getpid(), SIGTERM);   // ends the waiter where the server stopped by itself
  waiter.join();
  return 0;
}

const Registration registration{{"serve", "MODEL [--port P] [--host A] [--key K] [--name N] [--log DIR] [--slots N] [--queue N] [--dtype bf16|f32|as-is] [--device D] [--threads N]",
                                 "Answer over HTTP as OpenAI's API does (chat, completions, models, health).", run}};

}  // namespace
}  // namespace retort::worker
