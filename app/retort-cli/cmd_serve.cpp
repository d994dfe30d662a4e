// `serve MODEL`: becomes the worker that answers over HTTP; a key goes by the environment, where other users do not see it.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "app/retort-cli/cli.h"
#include "base/format.h"
#include "base/paths.h"
#include "exports/student.h"
#include "job/worker.h"

namespace retort::cli {
namespace {

/// An export's folder stands for its first GGUF file, or its Hugging Face folder.
std::filesystem::path modelIn(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path / "card.json", error)) return path;
  std::filesystem::path found = path;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    if (entry.path().extension() == ".gguf") return entry.path();
    if (std::filesystem::exists(entry.path() / "config.json", error)) found = entry.path();
  }
  return found;
}

int serve(Context& context, const Args& args) {
  if (args.positional().size() != 1) return context.usage("serve needs one model: a run, a name from the library, an export's folder or a path");
  const auto root = findWorkspace(context.workspaceArg);
  std::filesystem::path wanted = modelIn(args.positional()[0]);
  std::error_code error;
  if (root.ok() && !std::filesystem::exists(wanted, error) && std::filesystem::exists(*root / "exports" / wanted, error)) wanted = modelIn(*root / "exports" / wanted);
  const auto student = exports::findStudent(root.ok() ? *root : std::filesystem::path(), wanted.string());
  if (!student.ok()) return context.fail(student.error());
  std::vector<std::string> words = {"retort-worker", "serve", std::filesystem::absolute(student->path).string(), "--name", args.get("--name", student->name)};
  for (const char* option : {"--port", "--host", "--slots", "--queue", "--dtype", "--device", "--threads"})
    if (args.has(option)) words.insert(words.end(), {option, args.get(option)});
  if (args.has("--log")) {
    if (!root.ok()) return context.fail(root.error());
    words.insert(words.end(), {"--log", (*root / "traffic").string()});
    context.note("Calls are kept in " + (*root / "traffic").string() + "; bring them in with: retort-cli logs import " + (*root / "traffic").string());
  }
  if (const auto key = args.get("--key"); !key.empty()) ::setenv("RETORT_SERVE_KEY", key.c_str(), 1);
  const auto worker = job::workerCommand({});
  if (!worker.ok()) return context.fail(worker.error());
  for (const auto& name : worker->unsetEnv) ::unsetenv(name.c_str());
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::fflush(nullptr);
  ::execv(worker->program.c_str(), argv.data());
  return context.fail(Error{"cli.serve.start", "The server could not be started", worker->program.string(), std::strerror(errno), "Run packaging/setup.", {}, {}});
}

const Registration r{{"serve", "", "serve MODEL [--port P] [--key K] [--log]", "Answers over HTTP as OpenAI's API does (chat, completions, models, health), on this machine.",
                      {{"--port", "P", "8080; 0: any free one"}, {"--host", "A", "127.0.0.1; another address needs a key"}, {"--key", "K", "what callers must send as Authorization: Bearer K"},
                       {"--name", "N", "served as N@<12 hex of the file's hash>"}, {"--log", "", "keeps every call in the workspace's traffic/, in a form that logs import reads"},
                       {"--slots", "N", "answered together (16)"}, {"--queue", "N", "waiting at most (256)"}, {"--dtype", "T", "bf16, f32 or as-is"}, {"--device", "D", "auto, cpu, cuda"},
                       {"--threads", "N", "of the CPU"}}, serve}};

}  // namespace
}  // namespace retort::cli
