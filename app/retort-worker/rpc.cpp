// retort-worker rpc MODEL: one model, asked over stdin and stdout by JSON lines.
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "app/retort-worker/rpc_io.h"
#include "app/retort-worker/rpc_methods.h"
#include "app/retort-worker/worker.h"
#include "base/version.h"
#include "job/job_folder.h"

namespace retort::worker {
namespace {

constexpr const char* kProgram = "retort-worker " RETORT_VERSION;

/// Loads and says hello; a failure is said the same way, so that the client sees it as an error and not as a lost process.
Result<engine::ModelHost> load(const std::string& path, const std::string& dtype, const std::string& adapter, const engine::DeviceOptions& wanted) {
  RETORT_TRY(const auto device, engine::initialise(wanted));
  return engine::loadHost(path, dtype, device, adapter);
}

int serve(const engine::ModelHost& host, RpcIo& io, double idleSeconds) {
  while (auto request = io.next(idleSeconds)) {
    if (request->problem) {
      io.error(request->id, *request->problem);
      continue;
    }
    const Json id = request->id;
    CallContext context;
    context.note = [&](Json note) {
      Json message{{"id", id}};
      message.update(note);
      io.send(message);
    };
    context.cancelled = [&] { return io.cancelled(id); };
    if (context.cancelled()) {
      io.error(id, cancelledError(request->method));
      continue;
    }
    auto answer = callMethod(host, request->method, request->params, context);
    if (answer.ok()) io.result(id, std::move(answer).value());
    else io.error(id, answer.error());
  }
  return 0;
}

int run(const std::vector<std::string>& args) {
  // Ends with the one who started it, even if that one is killed.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::signal(SIGPIPE, SIG_IGN);
  // Only whole lines of rpc may reach stdout: whatever libraries print goes to stderr.
  const int out = ::dup(STDOUT_FILENO);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  Options options(args);
  const engine::DeviceOptions wanted = deviceOptions(options);
  const std::string dtype = options.value("--dtype", "bf16");
  const std::string adapter = options.value("--adapter");
  const int idle = options.number("--idle-exit", 0);
  if (const std::string problem = options.problem(); !problem.empty()) return usageError(problem);
  if (options.positions().size() != 1) return usageError("rpc needs one model: a GGUF file or a Hugging Face folder");
  engine::tuneProcess();             // before the reader's thread: the allocator's settings are for the whole process
  RpcIo io(STDIN_FILENO, out);
  auto host = load(options.positions()[0], dtype, adapter, wanted);
  if (!host.ok()) {
    io.send({{"rpc", 1}, {"program", kProgram}, {"error", job::toJson(host.error())}});
    return fail(host.error());
  }
  Json hello{{"rpc", 1}, {"program", kProgram}};
  hello.update(describe(*host));
  io.send(hello);
  return serve(*host, io, idle);
}

const Registration registration{{"rpc", "MODEL [--dtype bf16|f32|int8|int4|as-is] [--adapter DIR] [--device D] [--threads N] [--idle-exit SECONDS]",
                                 "Answer requests about one model over stdin and stdout (JSON lines).", run}};

}  // namespace
}  // namespace retort::worker
