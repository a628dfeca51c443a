package provider

// cannotEnd: nobody knows where to go, or nobody is there. An endpoint that was
// written down may be reached from elsewhere than here.
func (p *Provider) CannotEnd(m Metadata, err error) bool {
	return m.EndSession == "" || IsUnreachable(err) && p.EndSessionEndpoint == ""
}
