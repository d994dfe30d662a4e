// retort-worker: all work with tensors, as a process of its own.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <charconv>

#include "app/retort-worker/worker.h"
#include "base/version.h"

namespace retort::worker {

namespace {
std::vector<Verb>& registry() {
  static std::vector<Verb> all;
  return all;
}

int usage(std::FILE* out) {
  std::fputs("retort-worker " RETORT_VERSION " - work with tensors. Usage:\n", out);
  for (const auto& verb : verbs()) std::fprintf(out, "  retort-worker %s %s\n      %s\n", verb.name.c_str(), verb.usage.c_str(), verb.help.c_str());
  std::fputs("  retort-worker --version\n", out);
  return out == stderr ? 2 : 0;
}
}  // namespace

Registration::Registration(Verb verb) { registry().push_back(std::move(verb)); }
const std::vector<Verb>& verbs() { return registry(); }

int fail(const Error& error) {
  std::fprintf(stderr, "retort-worker: %s\n", error.text().c_str());
  return isCancelled(error) ? 4 : 1;
}

int usageError(const std::string& what) {
  std::fprintf(stderr, "retort-worker: %s\n", what.c_str());
  return 2;
}

std::string Options::value(const std::string& name, const std::string& otherwise) {
  std::string result = otherwise;
  for (std::size_t i = 0; i < m_args.size();) {
    if (m_args[i] != name) {
      ++i;
      continue;
    }
    if (i + 1 >= m_args.size()) {
      m_problem = name + " needs a value";
      m_args.erase(m_args.begin() + static_cast<std::ptrdiff_t>(i));
      break;
    }
    result = m_args[i + 1];
    m_args.erase(m_args.begin() + static_cast<std::ptrdiff_t>(i), m_args.begin() + static_cast<std::ptrdiff_t>(i) + 2);
  }
  return result;
}

bool Options::flag(const std::string& name) { return std::erase(m_args, name) > 0; }

int Options::number(const std::string& name, int otherwise) {
  const std::string text = value(name);
  if (text.empty()) return otherwise;
  int result = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), result);
  if (ec != std::errc() || end != text.data() + text.size()) m_problem = name + " needs a whole number, not " + shown(text);
  return result;
}

std::string Options::problem() const {
  if (!m_problem.empty()) return m_problem;
  for (const auto& arg : m_args)
    if (arg.starts_with("--")) return "the option " + shown(arg) + " is not known";
  return {};
}

engine::DeviceOptions deviceOptions(Options& options) {
  engine::DeviceOptions result;
  result.device = options.value("--device", "auto");
  result.threads = options.number("--threads", 0);
  result.deterministic = options.flag("--deterministic");
  return result;
}

}  // namespace retort::worker

int main(int argc, char** argv) {
  using namespace retort::worker;
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.empty()) return usage(stderr);
  if (args[0] == "--version") return std::puts("retort-worker " RETORT_VERSION) < 0 ? 1 : 0;
  if (args[0] == "--help" || args[0] == "-h" || args[0] == "help") return usage(stdout);
  for (const auto& verb : verbs()) {
    if (verb.name != args[0]) continue;
    const int code = verb.run({args.begin() + 1, args.end()});
    // Torch's threads and, with CUDA, its driver do not always end well from static destructors: flush and leave.
    std::fflush(nullptr);
    std::_Exit(code);
  }
  std::fprintf(stderr, "retort-worker: the verb \"%s\" is not known\n", args[0].c_str());
  return usage(stderr);
}
