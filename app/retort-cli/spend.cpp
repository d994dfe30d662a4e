// The questions before spending.
#include "app/retort-cli/spend.h"

#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "base/format.h"

namespace retort::cli {
namespace {

bool isFree(const std::optional<providers::Price>& price) { return price && price->input == 0 && price->output == 0; }
bool hasTerminal() { return ::isatty(0) == 1 && ::isatty(2) == 1; }
bool hasWord(const Args& args) { return args.has("--yes") || args.has("--cap-money") || args.has("--cap-tokens"); }

}  // namespace

Status mayAskAtAll(const Context&, const Args& args, const providers::Teacher& teacher, const std::optional<providers::Price>& price) {
  if (isFree(price) || hasWord(args) || hasTerminal()) return {};
  return Error{"cli.spend.consent", "Asking " + teacher.name + " at " + teacher.host() + (price ? " costs money" : " may cost money: the price of " + shown(teacher.model) + " is unknown"), {}, "there is no terminal to ask on",
               "Give --yes, or a cap: --cap-money 5", {}, {}};
}

Status mayTest(const Context& context, const Args& args, const providers::Teacher& teacher, const std::optional<providers::Price>& price) { return mayAskAtAll(context, args, teacher, price); }

Status confirm(const Context& context, const Args& args, const std::string& question) {
  if (hasWord(args) || !hasTerminal()) return {};
  std::fprintf(stderr, "%s [y/N] ", question.c_str());
  std::string line;
  std::getline(std::cin, line);
  if (context.stop.stop_requested() || lowerAscii(trimmed(line)) != "y") return cancelledError("The purchase");
  return {};
}

Status mayPay(const Context& context, const Args& args, const std::string& what) {
  if (!hasWord(args) && !hasTerminal()) return Error{"cli.spend.consent", what, {}, "there is no terminal to ask on", "Give --yes.", {}, {}};
  return confirm(context, args, what + ". Go on?");
}

Status showNote(const Context& context, const Args& args, const providers::Teacher& teacher) {
  context.note(teacher.name + " (" + teacher.host() + "): " + teacher.note.sentence());
  if (teacher.note.mayTrain == "no" && !args.has("--despite-note"))
    return Error{"cli.teacher.terms", "The answers of " + teacher.name + " may not train a model", teacher.note.source, teacher.note.text, "Correct the note with teacher add --replace --may-train …, or give --despite-note; it is written to the dataset's card.", {}, {}};
  return {};
}

}  // namespace retort::cli
