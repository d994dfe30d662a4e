// The headers that open a door: Bearer, x-api-key or a SigV4 signature, made anew for each request from keys in memory.
#pragma once
#include <memory>
#include <string>

#include "base/result.h"
#include "providers/http.h"
#include "providers/secret.h"
#include "providers/sigv4.h"
#include "providers/teacher.h"

namespace retort::providers {

class Authorizer {
 public:
  /// Finds the keys of a teacher. None for a remote host is the error "providers.key.missing", which says where one may be put; servers of
  /// this machine and one's own need none.
  static Result<std::shared_ptr<Authorizer>> of(const Teacher& teacher);
  /// Adds the headers; for Bedrock signs method, path, query and body at the time given (UTC microseconds).
  Status sign(HttpRequest& request, std::int64_t nowMicros) const;

 private:
  Kind m_kind = Kind::compatible;
  std::string m_region;
  Secret m_key;
  AwsCredentials m_aws;
};

}  // namespace retort::providers
