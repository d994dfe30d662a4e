// Which environment variables hold which provider's key, and which header carries it.
#include "providers/auth.h"

#include <cstdlib>

#include "base/format.h"

namespace retort::providers {
namespace {

std::vector<std::string> variablesOf(Kind kind) {
  switch (kind) {
    case Kind::openai:
    case Kind::openaiResponses: return {"OPENAI_API_KEY"};
    case Kind::anthropic: return {"ANTHROPIC_API_KEY"};
    case Kind::bedrock: return {"AWS_BEARER_TOKEN_BEDROCK"};
    case Kind::openRouter: return {"OPENROUTER_API_KEY"};
    default: return {};
  }
}

bool needsKey(Kind kind) { return kind == Kind::openai || kind == Kind::openaiResponses || kind == Kind::anthropic || kind == Kind::bedrock || kind == Kind::openRouter; }

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

Result<std::shared_ptr<Authorizer>> Authorizer::of(const Teacher& teacher) {
  auto a = std::make_shared<Authorizer>();
  a->m_kind = teacher.kind;
  a->m_region = teacher.region.empty() ? environment("AWS_REGION") : teacher.region;
  RETORT_TRY(a->m_key, findKey(teacher.name, teacher.keyReference.empty() ? teacher.name : teacher.keyReference, variablesOf(teacher.kind)));
  if (teacher.kind == Kind::bedrock && a->m_key.isEmpty()) {
    a->m_aws.accessKeyId = environment("AWS_ACCESS_KEY_ID");
    a->m_aws.secretKey = Secret(environment("AWS_SECRET_ACCESS_KEY"));
    a->m_aws.sessionToken = Secret(environment("AWS_SESSION_TOKEN"));
  } else if (teacher.kind == Kind::bedrock && a->m_key.reveal().starts_with("A") && a->m_key.reveal().find(':') != std::string::npos) {
    // From the key store: ACCESSKEYID:secret[:token].
    const std::string& text = a->m_key.reveal();
    const auto first = text.find(':'), second = text.find(':', first + 1);
    a->m_aws.accessKeyId = text.substr(0, first);
    a->m_aws.secretKey = Secret(text.substr(first + 1, second == std::string::npos ? second : second - first - 1));
    if (second != std::string::npos) a->m_aws.sessionToken = Secret(text.substr(second + 1));
    a->m_key = Secret();
  }
  const bool hasAws = !a->m_aws.accessKeyId.empty() && !a->m_aws.secretKey.isEmpty();
  if (needsKey(teacher.kind) && a->m_key.isEmpty() && !hasAws) {
    std::string names = "$" + keyVariable(teacher.name);
    for (const auto& v : variablesOf(teacher.kind)) names += " or $" + v;
    if (teacher.kind == Kind::bedrock) names += ", or $AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY";
    return Error{"providers.key.missing", "There is no key for " + teacher.name, teacher.host(), "neither the environment nor a keychain holds one", "Set " + names + ", or enter it in the window.", {}, {}};
  }
  if (teacher.kind == Kind::bedrock && a->m_key.isEmpty() && a->m_region.empty())
    return Error{"providers.region.missing", "The region of " + teacher.name + " is unknown", {}, "a signature needs one", "Add it with: teacher add … --region us-east-1", {}, {}};
  return a;
}

Status Authorizer::sign(HttpRequest& request, std::int64_t nowMicros) const {
  if (m_kind == Kind::anthropic) {
    request.headers.push_back({"anthropic-version", "2023-06-01", false});
    if (!m_key.isEmpty()) request.headers.push_back({"x-api-key", m_key.reveal(), true});
    return {};
  }
  if (!m_key.isEmpty()) {
    request.headers.push_back({"Authorization", "Bearer " + m_key.reveal(), true});
    return {};
  }
  if (m_kind != Kind::bedrock) return {};
  // Sign exactly what goes out: host with its port where that is not the scheme's own, path and query as they are in the address.
  RETORT_TRY(const auto origin, originOf(request.url));
  const std::string host = origin.text().substr(origin.text().find("://") + 3);
  const auto pathAt = request.url.find('/', request.url.find("://") + 3);
  std::string path = pathAt == std::string::npos ? "/" : request.url.substr(pathAt), query;
  if (const auto mark = path.find('?'); mark != std::string::npos) {
    query = path.substr(mark + 1);
    path.erase(mark);
  }
  SigningInput in{request.method, path, query, {{"host", host}, {"x-amz-date", amzDate(nowMicros)}}, request.body, amzDate(nowMicros), m_region, "bedrock"};
  for (const auto& h : request.headers)
    if (lowerAscii(h.name) == "content-type") in.headers.emplace_back("content-type", h.value);
  if (!m_aws.sessionToken.isEmpty()) in.headers.emplace_back("x-amz-security-token", m_aws.sessionToken.reveal());
  const Signature signature = signV4(m_aws, in);
  request.headers.push_back({"x-amz-date", in.time, false});
  if (!m_aws.sessionToken.isEmpty()) request.headers.push_back({"x-amz-security-token", m_aws.sessionToken.reveal(), true});
  request.headers.push_back({"Authorization", signature.authorization, true});
  for (auto& [name, value] : in.headers)
    if (name == "x-amz-security-token") wipe(value);
  return {};
}

}  // namespace retort::providers
