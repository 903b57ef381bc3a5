/** Bodies that kubectl 1.35 sent, and what they stand for. */
export const kubectlBodies: readonly { readonly why: string; readonly base64: string; readonly object: Readonly<Record<string, unknown>> }[] = [
  {
    why: "Namespace",
    base64: "azhzAAoPCgJ2MRIJTmFtZXNwYWNlEhwKFAoEZGVtbxIAGgAiACoAMgA4AEIAEgAaAgoAGgAiAA==",
    object: {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "demo"}, "spec": {}, "status": {}},
  },
  {
    why: "Secret",
    base64: "azhzAAoMCgJ2MRIGU2VjcmV0Eh0KEQoBcxIAGgAiACoAMgA4AEIAEgYKAWESAWIaABoAIgA=",
    object: {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "Yg=="}},
  },
  {
    why: "ConfigMap",
    base64: "azhzAAoPCgJ2MRIJQ29uZmlnTWFwEhsKEQoBYxIAGgAiACoAMgA4AEIAEgYKAWsSAXYaACIA",
    object: {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"k": "v"}},
  },
  {
    why: "ServiceAccount",
    base64: "azhzAAoUCgJ2MRIOU2VydmljZUFjY291bnQSFwoVCgVyb2JvdBIAGgAiACoAMgA4AEIAGgAiAA==",
    object: {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}},
  },
  {
    why: "Role",
    base64: "azhzAAokChxyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvL3YxEgRSb2xlEigKEQoBchIAGgAiACoAMgA4AEIAEhMKA2dldAoEbGlzdBIAGgRwb2RzGgAiAA==",
    object: {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r"}, "rules": [{"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]}]},
  },
  {
    why: "ClusterRole",
    base64: "azhzAAorChxyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvL3YxEgtDbHVzdGVyUm9sZRIfChIKAmNyEgAaACIAKgAyADgAQgASCQoDZ2V0KgIveBoAIgA=",
    object: {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "cr"}, "rules": [{"verbs": ["get"], "nonResourceURLs": ["/x"]}]},
  },
  {
    why: "RoleBinding",
    base64: "azhzAAorChxyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvL3YxEgtSb2xlQmluZGluZxKGAQoSCgJyYhIAGgAiACoAMgA4AEIAEiYKBFVzZXISGXJiYWMuYXV0aG9yaXphdGlvbi5rOHMuaW8aAXUiABIiCg5TZXJ2aWNlQWNjb3VudBIAGgVyb2JvdCIHZGVmYXVsdBokChlyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvEgRSb2xlGgFyGgAiAA==",
    object: {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "rb"}, "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "u"}, {"kind": "ServiceAccount", "name": "robot", "namespace": "default"}], "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}},
  },
  {
    why: "ResourceQuota",
    base64: "azhzAAoTCgJ2MRINUmVzb3VyY2VRdW90YRJOChEKAXESABoAIgAqADIAOABCABI3ChAKCWNvdW50L3gueRIDCgExCgsKBHBvZHMSAwoBMwoWCgxyZXF1ZXN0cy5jcHUSBgoENTAwbRoAGgAiAA==",
    object: {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"count/x.y": "1", "pods": "3", "requests.cpu": "500m"}}, "status": {}},
  },
  {
    why: "Service",
    base64: "azhzAAoNCgJ2MRIHU2VydmljZRKJAQofCgNzdmMSABoAIgAqADIAOABCAFoKCgNhcHASA3N2YxJiChsKBzgwLTgwODASA1RDUBhQIgcIABCQPxoAKAAKHgoHOTAtbmFtZRIDVENQGFoiCggBEAAaBG5hbWUoABIKCgNhcHASA3N2YxoAIglDbHVzdGVySVA6AEIAUgBaAGAAaAAaAgoAGgAiAA==",
    object: {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "svc", "labels": {"app": "svc"}}, "spec": {"ports": [{"name": "80-8080", "protocol": "TCP", "port": 80, "targetPort": 8080}, {"name": "90-name", "protocol": "TCP", "port": 90, "targetPort": "name"}], "selector": {"app": "svc"}, "type": "ClusterIP"}, "status": {"loadBalancer": {}}},
  },
  {
    why: "TokenRequest",
    base64: "azhzAAooChhhdXRoZW50aWNhdGlvbi5rOHMuaW8vdjESDFRva2VuUmVxdWVzdBIzChAKABIAGgAiACoAMgA4AEIAEhkaFAoGU2VjcmV0EgJ2MRoBcyIDdXV1INgEGgQKABIAGgAiAA==",
    object: {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "metadata": {}, "spec": {"boundObjectRef": {"kind": "Secret", "apiVersion": "v1", "name": "s", "uid": "uuu"}, "expirationSeconds": 600}, "status": {}},
  },
  {
    why: "SelfSubjectAccessReview",
    base64: "azhzAAoyChdhdXRob3JpemF0aW9uLms4cy5pby92MRIXU2VsZlN1YmplY3RBY2Nlc3NSZXZpZXcSNgoQCgASABoAIgAqADIAOABCABIYChYKAXgSA2dldBoAIgAqBHBvZHMyADoAGggIABIAGgAgABoAIgA=",
    object: {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "metadata": {}, "spec": {"resourceAttributes": {"namespace": "x", "verb": "get", "resource": "pods"}}, "status": {"allowed": false}},
  },
  {
    why: "SelfSubjectReview",
    base64: "azhzAAotChhhdXRoZW50aWNhdGlvbi5rOHMuaW8vdjESEVNlbGZTdWJqZWN0UmV2aWV3EhoKEAoAEgAaACIAKgAyADgAQgASBgoECgASABoAIgA=",
    object: {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "metadata": {}, "status": {"userInfo": {}}},
  },
  {
    why: "SelfSubjectRulesReview",
    base64: "azhzAAoxChdhdXRob3JpemF0aW9uLms4cy5pby92MRIWU2VsZlN1YmplY3RSdWxlc1JldmlldxIjChAKABIAGgAiACoAMgA4AEIAEgkKB2RlZmF1bHQaBBgAIgAaACIA",
    object: {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "metadata": {}, "spec": {"namespace": "default"}, "status": {"incomplete": false}},
  },
];
