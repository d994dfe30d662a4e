// Arguments, output and progress of the command line.
#include "app/retort-cli/cli.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>
#include <unistd.h>

#include "base/clock.h"
#include "base/format.h"
#include "base/paths.h"
#include "job/job_folder.h"

namespace retort::cli {

Result<Args> Args::parse(const std::vector<std::string>& words, const std::vector<OptionSpec>& specs) {
  Args args;
  bool onlyData = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (onlyData || word.size() < 2 || !word.starts_with("--")) {
      args.m_positional.push_back(word);
      continue;
    }
    if (word == "--") {
      onlyData = true;
      continue;
    }
    const std::string name = word.substr(0, word.find('='));
    const auto spec = std::find_if(specs.begin(), specs.end(), [&](const OptionSpec& s) { return s.name == name; });
    if (spec == specs.end()) {
      std::vector<std::string> known;
      for (const auto& s : specs) known.emplace_back(s.name);
      const std::string near = nearestName(name, known);
      return Error{"cli.option.unknown", "The option " + shown(name) + " is unknown", {}, {}, near.empty() ? known.empty() ? "This verb has no options of its own." : "It knows " + join(known, ", ") + "." : "Did you mean " + near + "?", {}, {}};
    }
    std::string value;
    if (spec->value.empty() && word.size() > name.size())
      return Error{"cli.option.flag", "The option " + name + " takes no value", {}, "\"" + shown(word) + "\" gives one", "Write " + name + " alone.", {}, {}};
    if (word.size() > name.size()) value = word.substr(name.size() + 1);
    else if (!spec->value.empty()) {
      if (i + 1 == words.size()) return Error{"cli.option.value", "The option " + name + " needs a value", {}, std::string(spec->value), {}, {}, {}};
      value = words[++i];
    }
    args.m_options.emplace_back(name, value);
  }
  return args;
}

bool Args::has(std::string_view option) const {
  return std::any_of(m_options.begin(), m_options.end(), [&](const auto& o) { return o.first == option; });
}

std::string Args::get(std::string_view option, std::string_view otherwise) const {
  std::string value(otherwise);
  for (const auto& [name, v] : m_options)
    if (name == option) value = v;
  return value;
}

std::vector<std::string> Args::all(std::string_view option) const {
  std::vector<std::string> values;
  for (const auto& [name, v] : m_options)
    if (name == option) values.push_back(v);
  return values;
}

namespace {

template <typename T>
Result<T> numberArgument(const Args& args, std::string_view option, T otherwise) {
  if (!args.has(option)) return otherwise;
  const std::string text = args.get(option);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    return Error{"cli.argument.number", "The option " + std::string(option) + " needs a number", {}, "\"" + shown(text) + "\" is none", {}, {}, {}};
  return value;
}

}  // namespace

Result<double> Args::number(std::string_view option, double otherwise) const { return numberArgument<double>(*this, option, otherwise); }
Result<std::int64_t> Args::integer(std::string_view option, std::int64_t otherwise) const { return numberArgument<std::int64_t>(*this, option, otherwise); }

Result<Workspace> Context::workspace() const {
  RETORT_TRY(const auto root, findWorkspace(workspaceArg));
  return Workspace::open(root);
}

void Context::print(std::string_view text) const {
  if (!json) std::printf("%.*s\n", int(text.size()), text.data());
}

void Context::printJson(const Json& value) const {
  if (!json || m_hasPrinted) return;
  m_hasPrinted = true;
  std::printf("%s\n", value.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

void Context::note(std::string_view text) const {
  if (!quiet) std::fprintf(stderr, "%.*s\n", int(text.size()), text.data());
}

namespace {

/// Errors about the words of the call itself, found by core: options outside their list, filters and assignments that do not parse.
bool isWrongUsage(std::string_view code) {
  constexpr std::string_view codes[] = {"base.workspace.none", "data.build.use", "data.split.text", "data.export.format", "data.plan.set",
                                        "run.recipe.unknown", "exports.target.unknown", "report.evaluate.part", "job.spec.set"};
  return code.starts_with("cli.") || code.starts_with("filter.") || std::find(std::begin(codes), std::end(codes), code) != std::end(codes);
}

}  // namespace

int Context::fail(const Error& error) const {
  std::fprintf(stderr, "retort-cli: %s\n", error.text().c_str());
  if (!error.detail.empty() && error.detail != error.why && !quiet) std::fprintf(stderr, "  %s\n", error.detail.c_str());
  if (json) printJson({{"error", job::toJson(error)}});
  if (isCancelled(error)) return cancelled;
  return isWrongUsage(error.code) ? wrongUsage : failed;
}

int Context::usage(std::string_view why) const {
  std::fprintf(stderr, "retort-cli: %.*s\n", int(why.size()), why.data());
  std::string next = "See: retort-cli help";
  for (const auto& c : commands()) {
    if (c.noun != noun) continue;
    next = "See: retort-cli help " + noun;
    if (c.verb != verb) continue;
    next = "Usage: retort-cli " + std::string(c.synopsis);
    break;
  }
  std::fprintf(stderr, "%s\n", next.c_str());
  printJson({{"error", job::toJson(Error{"cli.usage", std::string(why), {}, {}, next, {}, {}})}});
  return wrongUsage;
}

ProgressFn Context::progress() const {
  if (quiet) return {};
  struct Shown {
    double last = -1e9;
    std::string stage;
    std::int64_t done = -1;
  };
  auto state = std::make_shared<Shown>();
  const bool terminal = ::isatty(2) == 1;
  return [state, terminal](const Progress& p) {
    const double now = monotonicSeconds();
    const bool end = p.of > 0 && p.done >= p.of;
    const bool isNews = p.stage != state->stage || (end && p.done != state->done);
    if (!isNews && (end || now - state->last < (terminal ? 0.1 : 5.0))) return;
    state->last = now;
    state->done = p.done;
    state->stage = p.stage;
    std::string line = p.stage;
    if (p.of > 0) line += ": " + formatCount(p.done) + " of " + formatCount(p.of);
    else if (p.done > 0) line += ": " + formatCount(p.done);
    if (!p.unit.empty() && (p.of > 0 || p.done > 0)) line += " " + p.unit;
    if (p.secondsLeft >= 0 && !end) line += ", " + formatDuration(p.secondsLeft) + " left";
    if (!terminal) return void(std::fprintf(stderr, "%s\n", line.c_str()));
    constexpr int kWidth = 24;
    const int full = p.of > 0 ? static_cast<int>(kWidth * p.done / p.of) : 0;
    const std::string bar = p.of > 0 ? "[" + std::string(static_cast<std::size_t>(full), '#') + std::string(static_cast<std::size_t>(kWidth - full), ' ') + "] " : "";
    std::fprintf(stderr, "\r\033[K%s%s%s", bar.c_str(), line.c_str(), end ? "\n" : "");
  };
}

namespace {

std::vector<Command>& table() {
  static std::vector<Command> commands;
  return commands;
}

std::map<std::string, std::function<Result<Json>(JobContext&)>, std::less<>>& executors() {
  static std::map<std::string, std::function<Result<Json>(JobContext&)>, std::less<>> map;
  return map;
}

}  // namespace

Registration::Registration(Command command) { table().push_back(std::move(command)); }

const std::vector<Command>& commands() { return table(); }

JobRegistration::JobRegistration(std::string_view kind, std::function<Result<Json>(JobContext&)> run) { executors()[std::string(kind)] = std::move(run); }

const std::function<Result<Json>(JobContext&)>* jobExecutor(std::string_view kind) {
  const auto it = executors().find(kind);
  return it == executors().end() ? nullptr : &it->second;
}

}  // namespace retort::cli
