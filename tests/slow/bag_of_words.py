"""Accuracy of a bag-of-words logistic model on a dataset folder: trained on golden.jsonl, tested on test.jsonl. Prints one number."""
import json
import sys

from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression

folder = sys.argv[1]


def rows(name):
    with open(f"{folder}/{name}") as lines:
        return [json.loads(line) for line in lines]


def user(row):
    return [m["content"] for m in row["messages"] if m["role"] == "user"][-1]


golden, test = rows("golden.jsonl"), rows("test.jsonl")
reference = {r["id"]: r["reference"] for r in rows("references.jsonl")}
test = [r for r in test if r["id"] in reference]
best = 0
for vectorizer in (CountVectorizer(), TfidfVectorizer()):
    x = vectorizer.fit_transform([user(r) for r in golden])
    for c in (1, 10):
        model = LogisticRegression(max_iter=3000, C=c).fit(x, [r["target"]["content"] for r in golden])
        best = max(best, model.score(vectorizer.transform([user(r) for r in test]), [reference[r["id"]] for r in test]))
print(best)
