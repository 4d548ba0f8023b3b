package writer

import "testing"

// Where puts go is what the SDK makes of the environment and the options.
func TestS3Route(t *testing.T) {
	for _, c := range []struct {
		name    string
		env     map[string]string
		bucket  string
		options S3Options
		want    route
	}{
		{
			name: "S3", bucket: "bucket",
			want: route{scheme: "https", address: "bucket.s3.eu-west-1.amazonaws.com", path: "/", region: "eu-west-1", unsigned: true},
		},
		{
			name: "a bucket with dots", bucket: "a.bucket",
			want: route{scheme: "https", address: "s3.eu-west-1.amazonaws.com", path: "/a.bucket/", region: "eu-west-1", unsigned: true},
		},
		{
			name: "both stacks", bucket: "bucket", env: map[string]string{"AWS_USE_DUALSTACK_ENDPOINT": "true"},
			want: route{scheme: "https", address: "bucket.s3.dualstack.eu-west-1.amazonaws.com", path: "/", region: "eu-west-1", unsigned: true},
		},
		{
			name: "an endpoint of the environment", bucket: "bucket", env: map[string]string{"AWS_ENDPOINT_URL_S3": "https://store:9000"},
			want: route{scheme: "https", address: "bucket.store:9000", path: "/", region: "eu-west-1", unsigned: true},
		},
		{
			name: "an endpoint without TLS", bucket: "bucket", options: S3Options{Endpoint: "http://store/base", PathStyle: true},
			want: route{scheme: "http", address: "store", path: "/base/bucket/", region: "eu-west-1"},
		},
	} {
		for name, value := range map[string]string{
			"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-west-1", "AWS_PROFILE": "",
			"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
			"AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_S3": "", "AWS_USE_DUALSTACK_ENDPOINT": "",
		} {
			t.Setenv(name, value)
		}
		for name, value := range c.env {
			t.Setenv(name, value)
		}
		b, err := openS3(t.Context(), c.bucket, "prefix", c.options)
		if err != nil {
			t.Fatal(err)
		}
		r := b.way(t.Context())
		if r == nil {
			t.Errorf("%s: there is no short way", c.name)
			continue
		}
		got := route{scheme: r.scheme, address: r.address, path: r.path, region: r.region, unsigned: r.unsigned}
		want := c.want
		if got.scheme != want.scheme || got.address != want.address || got.path != want.path ||
			got.region != want.region || got.unsigned != want.unsigned || r.host != want.address || len(r.agent) != 1 {
			t.Errorf("%s: the way is %+v, want %+v", c.name, r, want)
		}
	}
}
