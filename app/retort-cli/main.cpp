// Entry of retort-cli: global options, the command table, signals.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <thread>

#include "app/retort-cli/cli.h"
#include "base/format.h"
#include "base/version.h"

using namespace retort;
using namespace retort::cli;

namespace {

/// Turns SIGINT and SIGTERM into a stop request; a second signal ends the program at once.
std::stop_source& signalStop() {
  static std::stop_source source;
  return source;
}

void watchSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::thread([set] {
    for (int count = 0;; ++count) {
      int signal = 0;
      ::sigwait(&set, &signal);
      if (count > 0) std::_Exit(128 + signal);
      signalStop().request_stop();
    }
  }).detach();
}

std::vector<const Command*> sorted() {
  std::vector<const Command*> all;
  for (const auto& c : commands()) all.push_back(&c);
  std::sort(all.begin(), all.end(), [](auto* a, auto* b) { return std::pair(a->noun, a->verb) < std::pair(b->noun, b->verb); });
  return all;
}

void printHelp(std::string_view noun) {
  if (noun.empty()) {
    std::printf("Retort %s: distil language models from your own logs.\n\n"
                "Usage: retort-cli [-w WORKSPACE] [--json] [--quiet] NOUN VERB ...\n\n", RETORT_VERSION);
  }
  for (const Command* c : sorted()) {
    if (!noun.empty() && c->noun != noun) continue;
    std::printf("  %.*s\n      %.*s\n", int(c->synopsis.size()), c->synopsis.data(), int(c->help.size()), c->help.data());
    if (!noun.empty())
      for (const auto& o : c->options)
        std::printf("        %.*s%s%.*s  %.*s\n", int(o.name.size()), o.name.data(), o.value.empty() ? "" : " ", int(o.value.size()), o.value.data(),
                    int(o.help.size()), o.help.data());
  }
}

/// The spelling the contract also accepts.
std::string canonicalWord(const std::string& word) { return word == "optimize" ? "optimise" : word == "distill" ? "distil" : word; }

int run(int argc, char** argv) {
  Context context;
  context.stop = signalStop().get_token();
  std::vector<std::string> words;
  bool help = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    // Global options may stand before or after the noun; after "--" everything is data.
    if (word == "--") {
      words.insert(words.end(), argv + i, argv + argc);
      break;
    }
    if (word == "-w" || word == "--workspace") {
      if (++i == argc) return context.usage("-w needs a folder");
      context.workspaceArg = argv[i];
    } else if (word == "--json") {
      context.json = true;
    } else if (word == "--quiet" || word == "-q") {
      context.quiet = true;
    } else if (word == "--help" || word == "-h") {
      help = true;
    } else if (word == "--version" && words.empty()) {
      std::printf("retort-cli %s\n", RETORT_VERSION);
      return done;
    } else {
      words.push_back(word);
    }
  }
  if (words.empty() || (help && words.size() == 1) || words[0] == "help") {
    const std::string about = words.size() > 1 ? words[1] : words.empty() || words[0] == "help" ? "" : words[0];
    const auto& all = commands();
    const bool known = about.empty() || std::any_of(all.begin(), all.end(), [&](const Command& c) { return c.noun == canonicalWord(about); });
    if (known) {
      printHelp(canonicalWord(about));
      return words.empty() && !help ? wrongUsage : done;
    }
    words = {about};
  }
  context.noun = canonicalWord(words[0]);
  const Command* found = nullptr;
  std::size_t used = 1;
  std::vector<std::string> nouns, verbs;
  for (const auto& c : commands()) {
    nouns.emplace_back(c.noun);
    if (c.noun != context.noun) continue;
    if (!c.verb.empty()) verbs.emplace_back(c.verb);
    if (c.verb.empty() && !found) found = &c;
    if (words.size() > 1 && c.verb == canonicalWord(words[1])) found = &c, used = 2;
  }
  if (!found) {
    if (verbs.empty()) {
      const auto near = nearestName(context.noun, nouns);
      return context.usage("\"" + shown(context.noun) + "\" is not a noun of retort-cli." + (near.empty() ? "" : " Did you mean " + near + "?"));
    }
    std::sort(verbs.begin(), verbs.end());
    return context.usage(context.noun + " needs one of: " + join(verbs, ", "));
  }
  context.verb = found->verb;
  if (help) return printHelp(found->noun), done;
  const std::vector<std::string> rest(words.begin() + static_cast<std::ptrdiff_t>(used), words.end());
  const auto args = Args::parse(rest, found->options);
  if (!args.ok()) return context.usage(args.error().text());
  return found->run(context, *args);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  watchSignals();
  int code = failed;
  try {
    code = run(argc, argv);
  } catch (const std::exception& e) {  // a file with members of other types than ours: JSON's edge
    std::fprintf(stderr, "retort-cli: something was not understood: %s. Please report this.\n", shown(e.what()).c_str());
  }
  std::fflush(stdout);
  return code;
}
