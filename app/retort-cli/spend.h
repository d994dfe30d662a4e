// Consent before money is spent: --yes, a cap, or a word on the terminal; the same for every verb that buys.
#pragma once
#include <optional>
#include <string>

#include "app/retort-cli/cli.h"
#include "providers/prices.h"
#include "providers/teacher.h"

namespace retort::cli {

/// One call of one token.
Status mayTest(const Context& context, const Args& args, const providers::Teacher& teacher, const std::optional<providers::Price>& price);
/// "cli.spend.consent" unless --yes, --cap-money, --cap-tokens or a terminal is there; nothing is needed where nothing costs.
Status mayAskAtAll(const Context& context, const Args& args, const providers::Teacher& teacher, const std::optional<providers::Price>& price);
/// Asks on the terminal; without one, or with --yes or a cap, the answer was given already.
Status confirm(const Context& context, const Args& args, const std::string& question);
/// The same for what is billed elsewhere; `what` is a sentence without its full stop.
Status mayPay(const Context& context, const Args& args, const std::string& what);
/// The teacher's note, before its answers are bought or reused; an answer that may not train a model needs --despite-note.
Status showNote(const Context& context, const Args& args, const providers::Teacher& teacher);

}  // namespace retort::cli
